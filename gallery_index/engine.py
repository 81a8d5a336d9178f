"""Finds the nearest entries, and chooses how. Holds in memory which slots are in use, and their codes.

Few entries are allowed: an exact scan of those. Many: the coarse stage proposes, the embeddings decide. A small
gallery, or a query for which the estimates are not good enough: an exact scan of all. The answers are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gallery_index.coarse import Coarse
from gallery_index.scan import NO_HITS, Hits, Mask, scan_mask, scan_slots
from gallery_index.shard import GROWTH
from gallery_index.tuning import Tuning
from gallery_index.twostage import two_stage
from gallery_index.types import Embedding
from gallery_index.vectors import Slots, VectorFile

_CENTRE_SAMPLE = 4_096


class Engine:
    """Changed only under the gallery's exclusive lock, searched under its shared lock."""

    def __init__(self, vectors: VectorFile, used: Slots, threads: int, tuning: Tuning) -> None:
        self._vectors = vectors
        self._tuning = tuning
        self._threads = threads
        self._used: Mask = np.zeros(_rounded(vectors.capacity), bool)
        self._used[used] = True
        self.entries = len(used)
        self.coarse: Coarse | None = None

    @property
    def used(self) -> Mask:
        """(capacity or more,) which slots hold an entry."""
        return self._used

    def holds(self, slot: int) -> bool:
        """Whether a slot holds an entry."""
        return slot < len(self._used) and bool(self._used[slot])

    def apply(self, *, removed: list[int], added: list[int], rows: Embedding) -> None:
        """What a committed write has changed. rows[i] is now in slot added[i]."""
        if (missing := _rounded(self._vectors.capacity) - len(self._used)) > 0:
            self._used = np.concatenate([self._used, np.zeros(missing, bool)])
        self._used[removed] = False
        self._used[added] = True
        self.entries += len(added) - len(removed)
        if self.coarse is not None:
            self.coarse.wipe(np.asarray(removed, np.int64))
            self.coarse.put(np.asarray(added, np.int64), rows, self._centre)
        elif self.entries >= self._tuning.coarse_from:
            self.encode()

    def encode(self) -> None:
        """Builds the coarse stage from the embeddings."""
        coarse = Coarse(self._vectors.dim, self._threads)
        used = np.flatnonzero(self._used)
        for begin in range(0, len(used), GROWTH):
            slots = used[begin : begin + GROWTH]
            coarse.put(slots, self._vectors.rows[slots], self._centre)
        self._adopt(coarse)

    def renew(self) -> None:
        """After the vector file has become shorter."""
        self._used = self._used[: _rounded(self._vectors.capacity)].copy()
        if self.coarse is not None:
            self.encode()

    def restore(self, load: Callable[[Coarse], Slots]) -> None:
        """Takes a coarse stage that was stored. load: fills it and says which slots were written since."""
        coarse = Coarse(self._vectors.dim, self._threads)
        stale = np.zeros(len(self._used), bool)
        stale[load(coarse)] = True
        stale[coarse.slots() :] = True
        coarse.wipe(np.flatnonzero(~self._used[: coarse.slots()]))
        slots = np.flatnonzero(stale & self._used)
        for begin in range(0, len(slots), GROWTH):
            part = slots[begin : begin + GROWTH]
            coarse.put(part, self._vectors.rows[part], self._centre)
        self._adopt(coarse)

    def nearest(self, queries: Embedding, count: int, allowed: Slots | None) -> list[Hits]:
        """The exact best `count` of each query. queries (Q, D); allowed: None for all, else slots that are in use."""
        if not self.entries:  # with a coarse stage still there, if all were erased
            return [NO_HITS] * len(queries)
        rows, tuning = self._vectors.rows, self._tuning
        one = len(queries) == 1
        mask, many = self._used, self.entries
        if allowed is not None:
            many = len(allowed)
            scanned = tuning.scan_share if one else tuning.batch_scan_share
            if many <= max(tuning.scan_below, scanned * self.entries):
                return scan_slots(rows, queries, count, allowed)
            mask = np.zeros(len(self._used), bool)
            mask[allowed] = True
        answers: list[Hits | None] = [None] * len(queries)
        if self.coarse is not None:
            limit = int((tuning.two_stage_share if one else tuning.batch_two_stage_share) * many)
            share = many / self.entries
            answers = two_stage(self.coarse, rows, queries, min(count, many), mask, share=share, limit=limit)
        unsure = [i for i, hits in enumerate(answers) if hits is None]
        if unsure:
            for i, hits in zip(unsure, self._scan(rows, queries[unsure], count, mask, allowed), strict=True):
                answers[i] = hits
        return [hits for hits in answers if hits is not None]

    def close(self) -> None:
        """Ends its threads."""
        if self.coarse is not None:
            self.coarse.close()

    def _scan(self, rows: Embedding, queries: Embedding, count: int, mask: Mask, allowed: Slots | None) -> list[Hits]:
        gather = self._tuning.gather_share if len(queries) == 1 else self._tuning.batch_gather_share
        if allowed is not None and len(allowed) <= gather * self.entries:
            return scan_slots(rows, queries, count, allowed)
        end = len(mask) - int(mask[::-1].argmax())  # the file ends in up to 16 MB of empty slots
        return scan_mask(rows[:end], queries, count, mask[:end])

    def _adopt(self, coarse: Coarse) -> None:
        self.close()
        self.coarse = coarse

    def _centre(self) -> Embedding:
        used = np.flatnonzero(self._used)
        sample = used[:: max(1, len(used) // _CENTRE_SAMPLE)]
        return np.asarray(self._vectors.rows[sample].mean(axis=0), np.float32)


def _rounded(slots: int) -> int:
    """The coarse stage grows in steps too; it may propose any slot up to here."""
    return -(-slots // GROWTH) * GROWTH
