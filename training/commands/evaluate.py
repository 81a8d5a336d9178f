"""Measure a checkpoint, an exported ONNX file or an OpenVINO IR on a data set: Rank-1 to Rank-10, mAP, mINP."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.data.datasets import load_dataset
from training.evaluation.embedder import open_model
from training.evaluation.evaluation import embed_dataset, evaluate
from training.evaluation.report import markdown_table, write_json, write_per_query


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="an exported .onnx file or an OpenVINO .xml")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="market1501, occluded-duke, folder, csv, …")
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT", help="where the data set lies")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--per-query", type=Path, metavar="FILE", help="write ranks and top 10 of each query there (CSV)"
    )
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="crops at a time (default 32)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the runtime (default: its choice)")


def run(arguments: argparse.Namespace) -> int:
    """Prints a Markdown row; writes JSON and per-query results where asked."""
    dataset = load_dataset(arguments.dataset, arguments.data)
    model = open_model(arguments.model, threads=arguments.threads)
    query, gallery = embed_dataset(model, dataset, batch_size=arguments.batch_size, progress=True)
    evaluation = evaluate(query, gallery)
    metrics = evaluation.results.metrics()
    print(markdown_table(model.name, dataset.name, metrics))
    if metrics.queries_without_match:
        print(f"{metrics.queries_without_match:,} queries have no match in the gallery and are left out")
    if arguments.json:
        about = {
            "model": model.name,
            "dataset": dataset.name,
            "synthetic": dataset.synthetic,
            "licence": dataset.licence,
        }
        write_json(arguments.json, metrics, about)
    if arguments.per_query:
        write_per_query(arguments.per_query, query, gallery, evaluation)
    return 0
