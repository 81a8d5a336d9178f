"""Train and compare rows 1 to 6 of Table 6 and both of Table 7, in one budget, over several seeds."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from training.commands.run_arguments import add_run_arguments, base_config, run_configs
from training.data.datasets import load_dataset
from training.data.records import Dataset
from training.evaluation.ablation import Result, Row, gather, table, table_configs, write_results
from training.evaluation.embedder import open_model
from training.evaluation.evaluation import embed_dataset, evaluate
from training.evaluation.plots.ablation import draw_ablation
from training.evaluation.plots.style import save
from training.evaluation.report import write_json
from training.run_folder import CHECKPOINT_FILE

OCCLUDED = "occluded"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_run_arguments(parser)
    parser.add_argument(
        "--rows", metavar="ROW,…", help="only these, such as ablation-1,ablation-6 (default: all, and table-7)"
    )
    parser.add_argument(
        "--occluded", type=Path, metavar="DIR", help="made by make-occluded; every run is measured on it, too"
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes results.json, table.md and ablation.png, and the same for --occluded. Started again, it goes on."""
    configs = table_configs(base_config(arguments))
    if arguments.rows:
        known = {row.name: row for row in configs}
        if unknown := [name for name in arguments.rows.split(",") if name not in known]:
            raise ValueError(f"--rows has {unknown[0]!r}; allowed: {', '.join(known)}")
        configs = {known[name]: configs[known[name]] for name in arguments.rows.split(",")}
    occluded = load_dataset("folder", arguments.occluded) if arguments.occluded else None
    _report(run_configs(arguments, configs), arguments.output, arguments.dataset)
    if occluded:
        results = _measure(arguments, configs, occluded)
        _report(results, arguments.output, f"{arguments.dataset}, {OCCLUDED} queries", suffix=OCCLUDED)


def _measure(arguments: argparse.Namespace, rows: Iterable[Row], dataset: Dataset) -> list[Result]:
    """Measures the finished runs on one more data set; what is measured already is not measured again."""
    file, seeds = f"metrics-{OCCLUDED}.json", range(arguments.seeds)
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    for folder in (arguments.output / row.name / f"seed-{seed}" for row in rows for seed in seeds):
        if not (folder / file).is_file():
            print(f"measuring {folder.parent.name}, {folder.name}, on {OCCLUDED} queries")
            model = open_model(folder / CHECKPOINT_FILE, device=device)
            query, gallery = embed_dataset(model, dataset, progress=True)
            write_json(folder / file, query, gallery, evaluate(query, gallery), model=model.name, dataset=dataset)
    return gather(rows, seeds, arguments.output, file)


def _report(results: Sequence[Result], output: Path, dataset: str, *, suffix: str = "") -> None:
    write_results(output, results, dataset, suffix=suffix)
    save(draw_ablation(results, dataset), output / f"ablation{suffix and '-'}{suffix}.png")
    print(table(results, dataset))
