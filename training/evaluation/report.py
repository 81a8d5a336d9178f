"""An evaluation as a Markdown row, as JSON, and query by query as CSV."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

from training.data.records import Dataset
from training.evaluation.evaluation import Embedded, Evaluation, relative_names
from training.evaluation.metrics import Metrics, to_json
from training.evaluation.rerank import RerankConfig

_COLUMNS = ("query", "person_id", "camera_id", "matches", "first_rank", "last_rank", "average_precision", "top")


def markdown_table(model: str, dataset: str, metrics: Metrics) -> str:
    """A table of one row, to be pasted where results are kept."""
    figures = (metrics.rank1, metrics.rank3, metrics.rank5, metrics.rank10, metrics.mAP, metrics.mINP)
    rows = [
        ("model", "data set", "Rank-1", "Rank-3", "Rank-5", "Rank-10", "mAP", "mINP", "queries", "gallery"),
        ("---", "---", *["--:"] * 8),
        (model, dataset, *(f"{value:.1f}" for value in figures), f"{metrics.queries:,}", f"{metrics.gallery:,}"),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_json(
    file: Path, metrics: Metrics, *, model: str, feature: str, rerank: RerankConfig | None, dataset: Dataset
) -> None:
    """The figures (`rank1 rank3 rank5 rank10 mAP mINP queries gallery`) and what they were measured on."""
    about = {
        "model": model,
        "feature": feature,
        "rerank": None if rerank is None else dataclasses.asdict(rerank),
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "licence": dataset.licence,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**to_json(metrics), **about}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_per_query(file: Path, query: Embedded, gallery: Embedded, evaluation: Evaluation) -> None:
    """One line for each query in the order of the data set; `top`: the first gallery crops, best first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names, results = relative_names(gallery.records), evaluation.results
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        for i, (name, record) in enumerate(zip(relative_names(query.records), query.records, strict=True)):
            top = " ".join(names[j] for j in evaluation.top[i] if j >= 0)
            precision = f"{results.average_precision[i]:.4f}" if results.matches[i] else ""
            ranks = (results.first_rank[i], results.last_rank[i]) if results.matches[i] else ("", "")
            writer.writerow((name, record.person_id, record.camera_id, results.matches[i], *ranks, precision, top))
