"""Writes a copy of a data set in which something stands in front of everyone in the query set."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.altering import add_common_arguments, show_progress
from training.data.altered.occluded import make_occluded
from training.data.altered.occluders import BackgroundPatches, CutOuts, DrawnObjects, Occluder
from training.data.datasets import load_dataset
from training.data.records import Dataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_common_arguments(parser)
    parser.add_argument(
        "--occluders",
        default="drawn",
        metavar="patches|drawn|FOLDER",
        help="background of other crops, drawn objects (default), or a folder of RGBA cut-outs",
    )
    parser.add_argument(
        "--cover",
        type=float,
        nargs=2,
        default=(0.2, 0.5),
        metavar=("LOW", "HIGH"),
        help="smallest and largest share of a crop that is hidden (default 0.2 0.5)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes the folder and says what it holds."""
    dataset = load_dataset(arguments.dataset, arguments.data)
    mean = make_occluded(
        dataset,
        arguments.output,
        _occluder(arguments.occluders, dataset),
        occluders=arguments.occluders,
        cover=tuple(arguments.cover),
        seed=arguments.seed,
        progress=show_progress,
    )
    print(
        f"{arguments.output}: {len(dataset.query):,} query crops, {mean:.0%} hidden on average, see manifest.csv. "
        f"Read it with --dataset folder --data {arguments.output}"
    )


def _occluder(kind: str, dataset: Dataset) -> Occluder:
    if kind == "patches":
        return BackgroundPatches(dataset.gallery)
    return DrawnObjects() if kind == "drawn" else CutOuts(Path(kind))
