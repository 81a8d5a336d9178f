"""One evaluation from data set to figures: embed queries and gallery, rank, take the means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from training.data.records import Dataset, Record
from training.evaluation.embedder import Embedder
from training.evaluation.extract import extract
from training.evaluation.metrics import BLOCK, EvaluationError, Labels, QueryResults, cosine_blocks, query_results
from training.evaluation.rerank import RerankConfig, rerank_blocks

TOP = 10


class Embedded(NamedTuple):
    """One split in a model's eyes. features: (N, D) float32 of length 1."""

    records: Sequence[Record]
    features: NDArray[np.float32]

    @property
    def labels(self) -> Labels:
        """Who is on each crop, and which camera took it."""
        return labels(self.records)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """results: per query. top: (Q, k) int64, the first k gallery positions, junk of the query left out; -1 pads."""

    results: QueryResults
    top: NDArray[np.int64]


def embed_dataset(
    model: Embedder, dataset: Dataset, *, batch_size: int = 32, progress: bool = False
) -> tuple[Embedded, Embedded]:
    """Embeds query and gallery. Raises EvaluationError where one is empty, as in a data set for training only."""
    embedded = []
    for split in ("query", "gallery"):
        records: tuple[Record, ...] = getattr(dataset, split)
        if not records:
            raise EvaluationError(f"data set {dataset.name!r} has no crops in its {split} split; nothing to evaluate")
        shown = f"{split}, {len(records):,} crops" if progress else None
        embedded.append(Embedded(records, extract(model, records, model.spec, batch_size=batch_size, progress=shown)))
    return embedded[0], embedded[1]


def evaluate(
    query: Embedded,
    gallery: Embedded,
    *,
    rerank: RerankConfig | None = None,
    top: int = TOP,
    progress: bool = False,
) -> Evaluation:
    """Ranks by cosine, or by k-reciprocal re-ranking. top: how many gallery positions to keep for each query."""
    if rerank is None:
        blocks = cosine_blocks(query.features, gallery.features)
    else:
        with Console(stderr=True).status("re-ranking: neighbours of every crop") if progress else nullcontext():
            blocks = rerank_blocks(query.features, gallery.features, rerank)
    total = -(-len(query.records) // BLOCK)
    shown = track(blocks, f"ranking {len(gallery.records):,} crops", total=total, disable=not progress)
    return rank(shown, query.labels, gallery.labels, top=top)


def rank(blocks: Iterable[NDArray[np.float32]], query: Labels, gallery: Labels, *, top: int = TOP) -> Evaluation:
    """Per-query results and the first positions of blocks of scores (b, G), in one pass over them."""
    kept: list[NDArray[np.int64]] = []

    def watched() -> Iterator[NDArray[np.float32]]:
        start = 0
        for scores in blocks:
            part = slice(start, start + len(scores))
            kept.append(first_positions(scores, Labels(query.ids[part], query.cameras[part]), gallery, top))
            start += len(scores)
            yield scores

    return Evaluation(query_results(watched(), query, gallery), np.concatenate(kept))


def first_positions(scores: NDArray[np.float32], query: Labels, gallery: Labels, top: int) -> NDArray[np.int64]:
    """(b, G) scores -> (b, k) gallery positions, best first, without the query's junk; -1 where there are fewer."""
    junk = (gallery.ids == query.ids[:, None]) & (gallery.cameras == query.cameras[:, None])
    scores = np.where(junk, -np.inf, scores)
    top = min(top, scores.shape[1])
    candidates = np.argpartition(-scores, top - 1, axis=1)[:, :top]
    values = np.take_along_axis(scores, candidates, axis=1)
    order = np.lexsort((candidates, -values), axis=1)
    positions = np.take_along_axis(candidates, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(values, order, axis=1)), positions, -1)


def labels(records: Sequence[Record]) -> Labels:
    """Persons and cameras of records as arrays."""
    return Labels(np.array([r.person_id for r in records]), np.array([r.camera_id for r in records]))


def relative_names(records: Sequence[Record]) -> list[str]:
    """Each crop's folder and file name: enough to find it, without this machine's paths."""
    return [str(Path(*record.path.parts[-2:])) for record in records]
