"""Cumulative matching characteristic, mAP and mINP, as person re-identification defines them (Sec. 4.1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 256  # queries at a time: 256 × 16,000 float32 scores are 16 MB
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


class EvaluationError(ValueError):
    """Features and labels from which no figure can be computed; the message names the array and what is wrong."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of one evaluation; rates in percent, 0 to 100.

    rankN: share of queries with a right match among the first N gallery crops. mAP: mean average precision.
    mINP: mean inverse negative penalty, (right matches) / (rank of the last one), Ye et al. 2021 (arXiv:2001.04193).
    queries: those evaluated, that is, with a match in the gallery. queries_without_match: left out of every figure.
    gallery: crops searched.
    """

    rank1: float
    rank3: float
    rank5: float
    rank10: float
    mAP: float  # noqa: N815 - the field's spelling
    mINP: float  # noqa: N815 - the field's spelling
    queries: int
    gallery: int
    queries_without_match: int = 0


@dataclass(frozen=True, slots=True)
class QueryResults:
    """What each query found; four arrays of length Q in the order of the queries.

    matches: int64, right gallery crops; 0 where the query cannot be evaluated, and then all others are 0 as well.
    first_rank, last_rank: int64, 1-based rank of the first and the last right crop, junk skipped.
    average_precision: float64 in [0, 1]. gallery: crops searched.
    """

    matches: IntArray
    first_rank: IntArray
    last_rank: IntArray
    average_precision: NDArray[np.float64]
    gallery: int

    def metrics(self) -> Metrics:
        """The means over all queries that have a match. Raises EvaluationError where none has."""
        valid = self.matches > 0
        if not valid.any():
            raise EvaluationError(
                f"none of the {len(valid)} queries has a match: no gallery crop of the same person on another camera"
            )
        first = self.first_rank[valid]
        rank1, rank3, rank5, rank10 = (100.0 * float((first <= n).mean()) for n in (1, 3, 5, 10))
        return Metrics(
            rank1=rank1,
            rank3=rank3,
            rank5=rank5,
            rank10=rank10,
            mAP=100.0 * float(self.average_precision[valid].mean()),
            mINP=100.0 * float((self.matches[valid] / self.last_rank[valid]).mean()),
            queries=int(valid.sum()),
            gallery=self.gallery,
            queries_without_match=int((~valid).sum()),
        )

    def of(self, chosen: NDArray[np.bool_]) -> QueryResults:
        """Those of some of the queries, (Q,), against the same gallery."""
        return QueryResults(
            matches=self.matches[chosen],
            first_rank=self.first_rank[chosen],
            last_rank=self.last_rank[chosen],
            average_precision=self.average_precision[chosen],
            gallery=self.gallery,
        )


class Labels(NamedTuple):
    """Who is on a crop, and which camera took it: two int64 arrays of one length."""

    ids: IntArray
    cameras: IntArray


def evaluate_features(
    query: FloatArray,
    gallery: FloatArray,
    query_ids: IntArray,
    gallery_ids: IntArray,
    query_cameras: IntArray,
    gallery_cameras: IntArray,
    *,
    block: int = BLOCK,
) -> Metrics:
    """Ranks the gallery by cosine for every query and takes the means.

    query: (Q, D), gallery: (G, D), float, of any length but zero. The others: (Q,) or (G,) integers.
    A gallery crop of the query's person on the query's camera counts neither as right nor as wrong. Ties stand in the
    order of the gallery. A query without a match is left out and counted. Raises EvaluationError.

    >>> two_people = np.eye(2, dtype=np.float32)
    >>> ids, cameras = np.array([1, 2]), np.array([1, 1])
    >>> evaluate_features(two_people, two_people, ids, ids, cameras, cameras + 1).mAP
    100.0
    """
    blocks = cosine_blocks(query, gallery, block=block)
    return query_results(blocks, Labels(query_ids, query_cameras), Labels(gallery_ids, gallery_cameras)).metrics()


def cosine_blocks(query: FloatArray, gallery: FloatArray, *, block: int = BLOCK) -> Iterator[FloatArray]:
    """Yields cosines (up to `block`, G) float32 of consecutive queries. Checks both arrays before the first block."""
    query, gallery = l2_normalised(query, "query"), l2_normalised(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise EvaluationError(
            f"query features have {query.shape[1]} dimensions and gallery features {gallery.shape[1]}; "
            "both must come from one model"
        )
    return (query[start : start + block] @ gallery.T for start in range(0, len(query), block))


def query_results(score_blocks: Iterable[FloatArray], query: Labels, gallery: Labels) -> QueryResults:
    """Per-query results of blocks of scores (b, G), higher is more alike, that together cover all Q queries in order.

    Scores may be anything finite: cosines, or negated distances after re-ranking.
    """
    query, gallery = _checked(query, "query"), _checked(gallery, "gallery")
    parts, start = [], 0
    for scores in score_blocks:
        stop = start + len(scores)
        parts.append(_block_results(scores, Labels(query.ids[start:stop], query.cameras[start:stop]), gallery))
        start = stop
    if start != len(query.ids):
        raise EvaluationError(f"there are scores for {start} queries and labels for {len(query.ids)}")
    matches, first, last, precision = (np.concatenate(column) for column in zip(*parts, strict=True))
    return QueryResults(matches, first, last, precision, len(gallery.ids))


def to_json(metrics: Metrics) -> dict[str, float]:
    """The figures by the names that the command line promises, rounded to a hundredth of a percent."""
    return {name: round(value, 2) for name, value in dataclasses.asdict(metrics).items()}


def l2_normalised(features: FloatArray, name: str) -> FloatArray:
    """(N, D) float of any length to (N, D) float32 of length 1. Raises EvaluationError that names the first bad row."""
    if features.ndim != 2 or 0 in features.shape:
        raise EvaluationError(f"{name} features have shape {features.shape}; needed: (N, D) with both above 0")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    bad = ~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0))
    if bad.any():
        row = int(bad.argmax())
        what = "is all zeros" if lengths[row, 0] == 0 else "has NaN or infinite values"
        raise EvaluationError(f"the {name} feature in row {row} {what} ({int(bad.sum())} such rows of {len(bad)})")
    return np.asarray(features / lengths, dtype=np.float32)


def _block_results(
    scores: FloatArray, query: Labels, gallery: Labels
) -> tuple[IntArray, IntArray, IntArray, NDArray[np.float64]]:
    """Matches, first rank, last rank and average precision of each query of one block.

    Only the ranks of the right crops matter, so the row is sorted by value (fast), not by index (slow): a crop's rank
    is one more than the number of crops with a higher score. Junk is moved below every score first.
    """
    if scores.shape[1] != len(gallery.ids):
        raise EvaluationError(f"a row has {scores.shape[1]} scores; the gallery has {len(gallery.ids)} crops")
    if not np.isfinite(scores).all():
        raise EvaluationError("the scores hold NaN or infinite values")
    same = gallery.ids == query.ids[:, None]  # (b, G)
    junk = same & (gallery.cameras == query.cameras[:, None])
    scores = np.where(junk, -np.inf, scores)
    ascending = np.sort(scores, axis=1)
    hits = same & ~junk
    results = [_one_query(scores[i], ascending[i], np.flatnonzero(hits[i])) for i in range(len(scores))]
    matches, first, last, precision = zip(*results, strict=True)
    return np.array(matches), np.array(first), np.array(last), np.array(precision)


def _one_query(scores: FloatArray, ascending: FloatArray, hits: NDArray[np.intp]) -> tuple[int, int, int, float]:
    """scores, ascending: (G,). hits: positions of the right crops."""
    if not len(hits):
        return 0, 0, 0, 0.0
    ranks = np.sort(_ranks(scores, ascending, hits))
    precision = np.arange(1, len(ranks) + 1) / ranks
    return len(ranks), int(ranks[0]), int(ranks[-1]), float(precision.mean())


def _ranks(scores: FloatArray, ascending: FloatArray, hits: NDArray[np.intp]) -> IntArray:
    """1-based ranks of the positions `hits`; of two equal scores the earlier position ranks first."""
    values = scores[hits]
    above = len(ascending) - np.searchsorted(ascending, values, side="right")
    tied = above + np.searchsorted(ascending, values, side="left") < len(ascending) - 1
    ranks: IntArray = above + 1
    for i in np.flatnonzero(tied):
        ranks[i] += np.count_nonzero(scores[: hits[i]] == values[i])
    return ranks


def _checked(labels: Labels, name: str) -> Labels:
    ids, cameras = (np.asarray(values) for values in labels)
    if not len(ids):
        raise EvaluationError(f"the {name} split is empty")
    if ids.shape != cameras.shape or ids.ndim != 1:
        raise EvaluationError(f"{name} has ids of shape {ids.shape} and cameras of shape {cameras.shape}; needed: (N,)")
    for what, values in (("ids", ids), ("cameras", cameras)):
        if not np.issubdtype(values.dtype, np.integer):
            raise EvaluationError(f"{name} {what} are {values.dtype}; needed: integers")
    return Labels(ids.astype(np.int64), cameras.astype(np.int64))
