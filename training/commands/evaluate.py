"""Measure a checkpoint, an exported ONNX file or an OpenVINO IR on a data set: Rank-1 to Rank-10, mAP, mINP."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from training.commands.model_arguments import add_data_arguments, add_model_arguments, model_of
from training.data.datasets import load_dataset
from training.data.records import Dataset
from training.evaluation.evaluation import embed_dataset, evaluate
from training.evaluation.report import markdown_table, write_json, write_per_query
from training.evaluation.rerank import RerankConfig
from training.model.pgflkd import Feature
from training.pose.estimators import ESTIMATORS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model_arguments(parser)
    add_data_arguments(parser)
    features = parser.add_argument_group("which feature of a checkpoint (Table 8)")
    features.add_argument(
        "--feature", default="g", choices=get_args(Feature), help="g is deployed (default); the others need pose"
    )
    features.add_argument(
        "--estimator", default="movenet", choices=ESTIMATORS, help="of key points, for e, p, v, f (default: movenet)"
    )
    features.add_argument("--estimator-weights", type=Path, metavar="FILE", help="its checkpoint; needed for HRNet")
    rerank = parser.add_argument_group("k-reciprocal re-ranking")
    rerank.add_argument("--rerank", action="store_true", help="rank by k-reciprocal neighbours")
    rerank.add_argument("--k1", type=int, default=20, help="neighbours that must be mutual (default 20)")
    rerank.add_argument("--k2", type=int, default=6, help="neighbours a code is averaged over (default 6)")
    rerank.add_argument(
        "--original-weight", type=float, default=0.3, metavar="W", help="share of the plain distance (default 0.3)"
    )
    output = parser.add_argument_group("output, beside the Markdown row")
    output.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    output.add_argument("--per-query", type=Path, metavar="FILE", help="write the ranks and top 10 of each query there")


def run(arguments: argparse.Namespace) -> None:
    """Prints a Markdown row; writes JSON and per-query results where asked."""
    rerank = None
    if arguments.rerank:
        rerank = RerankConfig(arguments.k1, arguments.k2, arguments.original_weight)
    dataset = load_dataset(arguments.dataset, arguments.data)
    model = model_of(
        arguments,
        feature=arguments.feature,
        estimator=arguments.estimator,
        estimator_weights=arguments.estimator_weights,
    )
    query, gallery = embed_dataset(model, dataset, batch_size=arguments.batch_size, progress=True)
    evaluation = evaluate(query, gallery, rerank=rerank, progress=True)
    metrics = evaluation.results.metrics()
    name = f"{model.name}, re-ranked" if rerank else model.name
    print(markdown_table(name, _title(dataset), metrics))
    if metrics.queries_without_match:
        print(f"{metrics.queries_without_match:,} queries have no match in the gallery and are left out")
    if arguments.json:
        feature = arguments.feature
        write_json(
            arguments.json,
            query,
            gallery,
            evaluation,
            model=model.name,
            dataset=dataset,
            feature=feature,
            rerank=rerank,
        )
    if arguments.per_query:
        write_per_query(arguments.per_query, query, gallery, evaluation)


def _title(dataset: Dataset) -> str:
    """Figures on drawn or altered crops must not be taken for others."""
    marked = "synthetic" in dataset.name or not dataset.synthetic
    return dataset.name if marked else f"{dataset.name} (synthetic)"
