"""Train and compare rows 1 to 6 of Table 6 and both of Table 7, in one budget, over several seeds."""

from __future__ import annotations

import argparse

from training.commands.run_arguments import add_run_arguments, base_config
from training.commands.schemes import add_occluded_argument, run_schemes
from training.evaluation.ablation import table_configs

SWITCHES = ("model.feb", "model.sab", "model.interaction", "loss.sab_distillation", "loss.consistent")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_run_arguments(parser)
    parser.add_argument(
        "--rows", metavar="ROW,…", help="only these, such as ablation-1,ablation-6 (default: all, and table-7)"
    )
    add_occluded_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes results.json, table.md and ablation.png, and the same for --occluded. Started again, it goes on."""
    if own := [text for text in arguments.set if text.partition("=")[0] in SWITCHES]:
        raise ValueError(f"--set is {own[0]!r}, which is what the rows differ in; choose them with --rows")
    configs = table_configs(base_config(arguments))
    if arguments.rows:
        known = {row.name: row for row in configs}
        if unknown := [name for name in arguments.rows.split(",") if name not in known]:
            raise ValueError(f"--rows has {unknown[0]!r}; allowed: {', '.join(known)}")
        configs = {known[name]: configs[known[name]] for name in arguments.rows.split(",")}
    run_schemes(arguments, configs, "ablation")
