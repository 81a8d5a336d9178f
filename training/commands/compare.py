"""Train a budget and changes of it over several seeds: what each ingredient of a recipe is worth, on your people."""

from __future__ import annotations

import argparse

from training.commands.run_arguments import add_run_arguments, assign, base_config
from training.commands.schemes import add_occluded_argument, run_schemes
from training.config import TrainConfig
from training.evaluation.ablation import Row

_LONGEST_NAME = 120  # of a folder, and of a line in the plot
UNCHANGED = Row("unchanged", "unchanged")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_run_arguments(parser)
    parser.add_argument(
        "--change",
        action="append",
        nargs="+",
        required=True,
        metavar="[NAME] FIELD=VALUE",
        help="one more scheme: the budget with these options of `fit`, such as ema=0.99; a name before them stands "
        "for them in the table; repeatable",
    )
    add_occluded_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes results.json, table.md and comparison.png, and the same for --occluded. Started again, it goes on."""
    base = base_config(arguments)
    schemes = {UNCHANGED: base}
    for row, config in (_changed(base, change) for change in arguments.change):
        if row.name in {there.name for there in schemes}:
            raise ValueError(f"--change {row.title} is there twice; every scheme needs a name of its own")
        schemes[row] = config
    run_schemes(arguments, schemes, "comparison")


def _changed(base: TrainConfig, change: list[str]) -> tuple[Row, TrainConfig]:
    """Raises ValueError, also for a change that changes nothing, and for a name that a folder cannot have."""
    named = len(change) > 1 and "=" not in change[0]
    config = assign(base, change[named:], "--change")
    title = change[0] if named else " ".join(change)
    if not title.strip(". "):
        raise ValueError(
            f"--change {title!r} is no name for a folder; allowed: letters, digits and more, not dots alone"
        )
    if len(title.encode()) > _LONGEST_NAME:
        raise ValueError(f"--change {title[:40]}… is {len(title)} letters long; give a name before its options")
    if config == base:
        raise ValueError(f"--change {title} changes nothing: the budget has it already")
    return Row(title.replace("/", "_"), title), config
