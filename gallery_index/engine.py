"""Finds the nearest entries. Holds in memory which slots are in use; reads the embeddings through the page cache."""

from __future__ import annotations

import numpy as np

from gallery_index.scan import Hits, Mask, scan_mask, scan_slots
from gallery_index.types import Embedding
from gallery_index.vectors import Slots, VectorFile

GATHER_SHARE = 0.25  # of the entries: below it, copying the allowed rows together is faster than reading all


class Engine:
    """Changed only under the gallery's exclusive lock, searched under its shared lock."""

    def __init__(self, vectors: VectorFile, used: Slots) -> None:
        self._vectors = vectors
        self._used: Mask = np.zeros(vectors.capacity, bool)
        self._used[used] = True
        self._entries = len(used)

    @property
    def used(self) -> Mask:
        """(capacity,) which slots hold an entry."""
        return self._used

    def apply(self, *, removed: list[int], added: list[int]) -> None:
        """What a committed write has changed."""
        if (missing := self._vectors.capacity - len(self._used)) > 0:
            self._used = np.concatenate([self._used, np.zeros(missing, bool)])
        self._used[removed] = False
        self._used[added] = True
        self._entries += len(added) - len(removed)

    def nearest(self, queries: Embedding, count: int, allowed: Slots | None) -> list[Hits]:
        """The exact best `count` of each query. queries (Q, D); allowed: None for all, else slots that are in use."""
        rows = self._vectors.rows
        if allowed is None:
            return scan_mask(rows[: len(self._used)], queries, count, self._used)
        if len(allowed) < GATHER_SHARE * self._entries:
            return scan_slots(rows, queries, count, allowed)
        mask = np.zeros(len(self._used), bool)
        mask[allowed] = True
        return scan_mask(rows[: len(mask)], queries, count, mask)
