"""Writes a copy of a data set in which half of the crops are partial, by the recipe of Partial-Duke."""

from __future__ import annotations

import argparse

from training.commands.altering import add_common_arguments, show_progress
from training.data.altered.partial import make_partial
from training.data.datasets import load_dataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common_arguments(parser)
    parser.add_argument("--share", type=float, default=0.5, help="of the crops that are cut (default 0.5)")


def run(arguments: argparse.Namespace) -> None:
    """Writes the folder and says what it holds."""
    dataset = load_dataset(arguments.dataset, arguments.data)
    cut, of = make_partial(
        dataset, arguments.output, seed=arguments.seed, share=arguments.share, progress=show_progress
    )
    print(
        f"{arguments.output}: {cut:,} of {of:,} crops cut to their upper half or third, listed in manifest.csv. "
        f"Read it with --dataset folder --data {arguments.output}"
    )
