"""Train PGFL-KD over values of both distillation weights, and plot the result (Fig. 3)."""

from __future__ import annotations

import argparse

from training.commands.run_arguments import add_run_arguments, base_config, run_configs
from training.evaluation.ablation import LAMBDAS, sweep_configs, table, write_results
from training.evaluation.plots.ablation import draw_sweep
from training.evaluation.plots.style import save

WEIGHTS = ("lambda_cl", "lambda_mcl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_run_arguments(parser)
    shown = ",".join(f"{value:g}" for value in LAMBDAS)
    parser.add_argument("--values", default=shown, metavar="V,…", help=f"of each weight (default {shown})")
    parser.add_argument("--weights", default=",".join(WEIGHTS), metavar="W,…", help="which (default: both)")


def run(arguments: argparse.Namespace) -> None:
    """Writes results.json, table.md and sweep.png; prints the table. Started again, it goes on."""
    base, values = base_config(arguments), _values(arguments.values)
    weights = arguments.weights.split(",")
    if unknown := [weight for weight in weights if weight not in WEIGHTS]:
        raise ValueError(f"--weights has {unknown[0]!r}; allowed: {', '.join(WEIGHTS)}")
    configs = {weight: sweep_configs(base, weight, values) for weight in weights}
    results = run_configs(arguments, {row: config for rows in configs.values() for row, config in rows.items()})
    if not results:
        return
    by_row = {result.row: result for result in results}
    curves = {
        weight: {value: by_row[row] for value, row in zip(values, rows, strict=True)}
        for weight, rows in configs.items()
    }
    write_results(arguments.output, results, arguments.dataset)
    save(draw_sweep(curves, arguments.dataset), arguments.output / "sweep.png")
    print(table(results, arguments.dataset))


def _values(text: str) -> list[float]:
    try:
        values = sorted({float(part) for part in text.split(",")})
    except ValueError:
        values = []
    if not values or values[0] < 0:
        raise ValueError(f"--values is {text!r}; allowed: numbers from 0, such as 0,0.25,1")
    return values
