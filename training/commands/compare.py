"""Train a budget and changes of it over several seeds: what each ingredient of a recipe is worth, on your people."""

from __future__ import annotations

import argparse

from training.commands.run_arguments import add_run_arguments, assign, base_config
from training.commands.schemes import add_occluded_argument, run_schemes
from training.config import TrainConfig
from training.evaluation.ablation import Row

UNCHANGED = Row("unchanged", "unchanged")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_run_arguments(parser)
    parser.add_argument(
        "--change",
        action="append",
        nargs="+",
        required=True,
        metavar="FIELD=VALUE",
        help="one more scheme: the budget with these options of `fit`, such as ema=0.99; repeatable",
    )
    add_occluded_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes results.json, table.md and comparison.png, and the same for --occluded. Started again, it goes on."""
    base = base_config(arguments)
    run_schemes(
        arguments, {UNCHANGED: base} | dict(_changed(base, change) for change in arguments.change), "comparison"
    )


def _changed(base: TrainConfig, change: list[str]) -> tuple[Row, TrainConfig]:
    """Raises ValueError, also for a change that changes nothing."""
    config = assign(base, change, "--change")
    title = " ".join(change)
    if config == base:
        raise ValueError(f"--change {title} changes nothing: the budget has it already")
    return Row(title.replace("/", "_"), title), config
