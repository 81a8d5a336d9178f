"""What `ablate` and `compare` share: schemes trained in one budget, as a table and a plot, on occluded queries too."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from training.commands.run_arguments import run_configs
from training.config import TrainConfig
from training.data.datasets import load_dataset
from training.data.records import Dataset
from training.evaluation.ablation import Result, Row, gather, table, write_results
from training.evaluation.embedder import open_model
from training.evaluation.evaluation import embed_dataset, evaluate
from training.evaluation.plots.ablation import draw_ablation
from training.evaluation.plots.style import save
from training.evaluation.report import write_json
from training.pose.cache import fingerprint
from training.run_folder import CHECKPOINT_FILE

OCCLUDED = "occluded"


def add_occluded_argument(parser: argparse.ArgumentParser) -> None:
    """The second set of queries."""
    parser.add_argument(
        "--occluded", type=Path, metavar="DIR", help="made by make-occluded; every run is measured on it, too"
    )


def run_schemes(arguments: argparse.Namespace, configs: dict[Row, TrainConfig], plot: str) -> None:
    """Writes results.json, table.md and PLOT.png, and the same for --occluded. Started again, it goes on."""
    occluded = load_dataset("folder", arguments.occluded) if arguments.occluded else None
    if not (results := run_configs(arguments, configs)):
        return
    _report(results, arguments.output, arguments.dataset, plot)
    if occluded:
        results = _measure(arguments, configs, occluded)
        _report(results, arguments.output, f"{arguments.dataset}, {OCCLUDED} queries", plot, suffix=OCCLUDED)


def _measure(arguments: argparse.Namespace, rows: Iterable[Row], dataset: Dataset) -> list[Result]:
    """Measures the finished runs on one more data set; what is measured already is not measured again.

    The file's name tells the queries apart: two sets of occluded crops bear the same names."""
    file, seeds = f"metrics-{OCCLUDED}-{fingerprint(dataset.query)[:8]}.json", range(arguments.seeds)
    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    for folder in (arguments.output / row.name / f"seed-{seed}" for row in rows for seed in seeds):
        if not (folder / file).is_file():
            print(f"measuring {folder.parent.name}, {folder.name}, on {OCCLUDED} queries")
            model = open_model(folder / CHECKPOINT_FILE, device=device)
            query, gallery = embed_dataset(model, dataset, progress=True)
            write_json(folder / file, query, gallery, evaluate(query, gallery), model=model.name, dataset=dataset)
    return gather(rows, seeds, arguments.output, file)


def _report(results: Sequence[Result], output: Path, dataset: str, plot: str, *, suffix: str = "") -> None:
    write_results(output, results, dataset, suffix=suffix)
    save(draw_ablation(results, dataset), output / f"{plot}{suffix and '-'}{suffix}.png")
    print(table(results, dataset))
