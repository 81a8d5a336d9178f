"""Exact search: every allowed embedding against every query, in blocks that fit the processor's cache or the memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gallery_index.types import Embedding
from gallery_index.vectors import Slots

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

_DENSE_ROWS = 8192  # read where they are; the block bounds the (Q, rows) matrix of scores
_GATHERED_ROWS = 128  # copied together first; for one query a block that stays in the cache costs the least
_ROWS_PER_QUERY = 32  # a batch is a matrix product, which needs larger blocks


class Hits(NamedTuple):
    """The best of one query: slots (M,) int64 and cosines (M,) float32, best first, no padding."""

    slots: Slots
    scores: Scores


def scan_mask(rows: Embedding, queries: Embedding, count: int, allowed: Mask) -> list[Hits]:
    """The `count` best of rows[allowed] for each query. rows (N, D), queries (Q, D), allowed (N,)."""
    best = _Best(len(queries), count)
    for begin in range(0, len(rows), _DENSE_ROWS):
        block = allowed[begin : begin + _DENSE_ROWS]
        if not block.any():
            continue
        scores = queries @ rows[begin : begin + _DENSE_ROWS].T
        scores[:, ~block] = -np.inf
        best.offer(np.arange(begin, begin + len(block)), scores)
    return best.hits()


def scan_slots(rows: Embedding, queries: Embedding, count: int, slots: Slots) -> list[Hits]:
    """The `count` best of rows[slots] for each query."""
    best = _Best(len(queries), count)
    step = max(_GATHERED_ROWS, _ROWS_PER_QUERY * len(queries))
    slots = np.sort(slots)
    block = np.empty((min(step, len(slots)), rows.shape[1]), np.float32)
    scores = np.empty((len(slots), len(queries)), np.float32)
    for begin in range(0, len(slots), step):
        part = slots[begin : begin + step]
        gathered = np.take(rows, part, axis=0, out=block[: len(part)], mode="clip")  # "raise" would copy once more
        np.matmul(gathered, queries.T, out=scores[begin : begin + step])
    best.offer(slots, scores.T)
    return best.hits()


def sorted_hits(slots: Slots, scores: Scores, count: int) -> Hits:
    """The `count` best, best first; of equal scores the lower slot first."""
    if len(scores) > count:
        chosen = np.argpartition(scores, len(scores) - count)[len(scores) - count :]
        slots, scores = slots[chosen], scores[chosen]
    order = np.lexsort((slots, -scores))
    return Hits(slots[order], scores[order])


class _Best:
    """The best so far of each query."""

    def __init__(self, queries: int, count: int) -> None:
        self._count = count
        self._found: list[Hits] = [Hits(np.empty(0, np.int64), np.empty(0, np.float32))] * queries

    def offer(self, slots: Slots, scores: Scores) -> None:
        """Offers slots (N,), scores (Q, N); minus infinity is not allowed in."""
        for i, (found, row) in enumerate(zip(self._found, scores, strict=True)):
            floor = found.scores[-1] if len(found.scores) == self._count else -np.inf
            better = np.flatnonzero(row > floor)
            self._found[i] = sorted_hits(
                np.concatenate([found.slots, slots[better]]), np.concatenate([found.scores, row[better]]), self._count
            )

    def hits(self) -> list[Hits]:
        """For each query."""
        return self._found
