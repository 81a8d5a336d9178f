"""An evaluation as a Markdown row, as JSON, and query by query as CSV."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np

from training.data.records import DISTRACTOR, Dataset
from training.evaluation.evaluation import Embedded, Evaluation, relative_names
from training.evaluation.metrics import Metrics, QueryResults, to_json
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
    file: Path,
    query: Embedded,
    gallery: Embedded,
    evaluation: Evaluation,
    *,
    model: str,
    dataset: Dataset,
    feature: str = "g",
    rerank: RerankConfig | None = None,
) -> None:
    """The figures (`rank1 rank3 rank5 rank10 mAP mINP queries gallery`), what they were measured on, by camera, and who
    stands first where it is the wrong one."""
    about = {
        "model": model,
        "feature": feature,
        "rerank": None if rerank is None else dataclasses.asdict(rerank),
        "dataset": dataset.name,
        "synthetic": dataset.synthetic,
        "licence": dataset.licence,
        "query_cameras": _by_camera(query, evaluation.results),
        "wrong_at_rank1": _wrong(query, gallery, evaluation),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    metrics = to_json(evaluation.results.metrics())
    file.write_text(json.dumps({**metrics, **about}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _by_camera(query: Embedded, results: QueryResults) -> dict[str, dict[str, float]]:
    """Queries, Rank-1 and mAP of each camera that took queries with a match."""
    cameras, figures = query.labels.cameras, {}
    for camera in np.unique(cameras[results.matches > 0]).tolist():
        metrics = to_json(results.of(cameras == camera).metrics())
        figures[str(camera)] = {name: metrics[name] for name in ("queries", "rank1", "mAP")}
    return figures


def _wrong(query: Embedded, gallery: Embedded, evaluation: Evaluation) -> dict[str, int]:
    """How many first ranks are wrong, and how many of those are of the query's own camera, or of no labelled person."""
    wrong = evaluation.results.first_rank > 1
    first, queries, found = evaluation.top[wrong, 0], query.labels, gallery.labels
    return {
        "queries": int(wrong.sum()),
        "on_the_query_camera": int((found.cameras[first] == queries.cameras[wrong]).sum()),
        "distractors": int((found.ids[first] == DISTRACTOR).sum()),
    }


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
