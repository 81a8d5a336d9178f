"""Exact search: every allowed embedding against every query, in blocks that fit the processor's cache or the memory."""

from __future__ import annotations

from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery_index.threads import faiss_threads
from gallery_index.types import Embedding
from gallery_index.vectors import Slots

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

_DENSE_ROWS = 8192  # read where they are; the block bounds the (Q, rows) matrix of scores
_GATHERED_ROWS = 128  # copied together first, so that a batch is a matrix product
_ROWS_PER_QUERY = 32
_FEW_QUERIES = 3  # for so few a copy would cost more than it saves
_SHARED_OUT = 8192  # rows; below, waiting for a thread costs more than it saves where embeddings have the processor


class Hits(NamedTuple):
    """The best of one query: slots (M,) int64 and cosines (M,) float32, best first, no padding."""

    slots: Slots
    scores: Scores


NO_HITS = Hits(np.empty(0, np.int64), np.empty(0, np.float32))


def scan_mask(rows: Embedding, queries: Embedding, count: int, allowed: Mask) -> list[Hits]:
    """The `count` best of rows[allowed] for each query. rows (N, D), queries (Q, D), allowed (N,)."""
    best = _Best(len(queries), count)
    for begin in range(0, len(rows), _DENSE_ROWS):
        block = allowed[begin : begin + _DENSE_ROWS]
        if not block.any():
            continue
        scores = _dense(rows[begin : begin + _DENSE_ROWS], queries)
        scores[:, ~block] = -np.inf
        best.offer(np.arange(begin, begin + len(block)), scores)
    return best.hits()


def scan_slots(rows: Embedding, queries: Embedding, count: int, slots: Slots) -> list[Hits]:
    """The `count` best of rows[slots] for each query. Ascending slots are read the fastest."""
    if len(queries) <= _FEW_QUERIES:
        return [sorted_hits(slots, scores, count) for scores in _in_place(rows, queries, slots)]
    best = _Best(len(queries), count)
    step = max(_GATHERED_ROWS, _ROWS_PER_QUERY * len(queries))
    gathered = np.empty((min(step, len(slots)), rows.shape[1]), np.float32)
    scores = np.empty((len(queries), min(_DENSE_ROWS, len(slots))), np.float32)
    for begin in range(0, len(slots), _DENSE_ROWS):
        part = slots[begin : begin + _DENSE_ROWS]
        for at in range(0, len(part), step):
            chosen = part[at : at + step]
            # mode "raise" would copy once more
            block = np.take(rows, chosen, axis=0, out=gathered[: len(chosen)], mode="clip")
            np.matmul(queries, block.T, out=scores[:, at : at + len(chosen)])
        best.offer(part, scores[:, : len(part)])
    return best.hits()


def cosines(rows: Embedding, query: Embedding, slots: Slots) -> Scores:
    """(N,) of one query (D,) with rows[slots], which are few: read where they lie, by this thread alone."""
    scores: Scores = _products(rows, query[None], slots[None], threads=1)[0]
    return scores


def _dense(rows: Embedding, queries: Embedding) -> Scores:
    """Scores (Q, N). For few queries one thread reads as fast as memory gives, and waits for nobody: a matrix product
    waits for threads of its own, several times as long where an embedding has the processor."""
    if len(queries) > _FEW_QUERIES:
        return np.asarray(queries @ rows.T)
    scores = np.empty((len(queries), len(rows)), np.float32)
    compute = faiss.fvec_inner_products_ny  # type: ignore[attr-defined] # faiss's stubs lack these two
    for found, query in zip(scores, queries, strict=True):
        compute(*map(faiss.swig_ptr, (found, query, rows)), rows.shape[1], len(rows))
    return scores


def _in_place(rows: Embedding, queries: Embedding, slots: Slots) -> Scores:
    """Scores (Q, N) without a copy of the rows. faiss spreads queries over threads, so each is several."""
    threads = faiss.omp_get_max_threads() if len(slots) > _SHARED_OUT else 1
    share = -(-len(slots) // threads)
    listed = np.full((len(queries), threads * share), -1, np.int64)  # -1 is passed over
    listed[:, : len(slots)] = slots
    repeated = np.repeat(queries, threads, axis=0)
    scores = _products(rows, repeated, listed.reshape(len(repeated), share), threads=threads)
    return scores.reshape(listed.shape)[:, : len(slots)]


def _products(rows: Embedding, queries: Embedding, listed: Slots, *, threads: int) -> Scores:
    """(Q, N): queries[i] with rows[listed[i]], listed (Q, N); -1 is passed over. Several queries would wake threads."""
    scores = np.empty(listed.shape, np.float32)
    pointers = [faiss.swig_ptr(array) for array in (scores, queries, rows, listed)]
    with faiss_threads(threads):
        faiss.fvec_inner_products_by_idx(*pointers, rows.shape[1], *listed.shape)  # type: ignore[attr-defined]
    return scores


def sorted_hits(slots: Slots, scores: Scores, count: int) -> Hits:
    """The `count` best, best first; of equal scores the lower slot first."""
    if len(scores) > count:
        chosen = scores.argpartition(len(scores) - count)[len(scores) - count :]
        slots, scores = slots[chosen], scores[chosen]
    order = np.lexsort((slots, -scores))
    return Hits(slots[order], scores[order])


class _Best:
    """The best so far of each query."""

    def __init__(self, queries: int, count: int) -> None:
        self._count = count
        self._found: list[Hits] = [NO_HITS] * queries
        self._floors = np.full((queries, 1), -np.inf, np.float32)  # what a score must exceed

    def offer(self, slots: Slots, scores: Scores) -> None:
        """Offers slots (N,), scores (Q, N); minus infinity is not allowed in."""
        better = scores > self._floors
        for i in np.flatnonzero(better.any(axis=1)):
            found, chosen = self._found[i], np.flatnonzero(better[i])
            hits = sorted_hits(
                np.concatenate([found.slots, slots[chosen]]),
                np.concatenate([found.scores, scores[i, chosen]]),
                self._count,
            )
            self._found[i] = hits
            if len(hits.scores) == self._count:
                self._floors[i] = hits.scores[-1]

    def hits(self) -> list[Hits]:
        """For each query."""
        return self._found
