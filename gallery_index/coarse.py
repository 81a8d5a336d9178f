"""The coarse stage: one bit per dimension of every embedding, scanned with SIMD.

A position in it is a slot of the vector file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery_index.rotation import rotated
from gallery_index.scan import Scores
from gallery_index.shard import SHARD, Found, Shard
from gallery_index.signs import asked, missing
from gallery_index.threads import faiss_threads
from gallery_index.types import Embedding
from gallery_index.vectors import Slots


class Proposed(NamedTuple):
    """slots (Q, M), the best of each query first; some may be free. scores (Q, M): their estimated cosines.
    floors (Q,): no slot that was left out is estimated to be better. doubts (Q,): the standard deviation of an estimate
    at the floor, for want of the vector's own scale."""

    slots: Slots
    scores: Scores
    floors: Scores
    doubts: Scores


class Coarse:
    """Codes of the slots 0, 1, 2…; shards of SHARD slots each. Changes need exclusion, searches do not."""

    def __init__(self, dim: int, threads: int) -> None:
        self._dim = dim
        self._missing = np.float32(missing(dim))
        self._threads = threads
        self._pool = ThreadPoolExecutor(max(threads - 1, 1), "gallery-scan", lambda: faiss.omp_set_num_threads(1))
        self.shards: list[Shard] = []

    def put(self, slots: Slots, rows: Embedding, centre: Callable[[], Embedding]) -> None:
        """Encodes rows[i] at slots[i]. centre: gives (D,) near the gallery's mean, for a shard that begins now."""
        if len(slots):
            self._begin(int(slots.max()) // SHARD + 1, centre)
        for shard, chosen in self._by_shard(slots):
            shard.put(slots[chosen] % SHARD, rotated(rows[chosen]))

    def wipe(self, slots: Slots) -> None:
        """Gives slots the code of a free one; slots that have none are no error."""
        for shard, chosen in self._by_shard(slots):
            shard.wipe(slots[chosen] % SHARD)

    def search(self, queries: Embedding, count: int) -> Proposed:
        """M <= count."""
        if not self.slots():  # all was erased, then compacted
            none, nothing_left_out = np.empty((len(queries), 0), np.float32), np.full(len(queries), -np.inf, np.float32)
            return Proposed(none.astype(np.int64), none, nothing_left_out, np.zeros(len(queries), np.float32))
        queries = rotated(queries)
        questions = asked(queries)
        if len(queries) == 1:
            found = self._shared_out(questions, count)
        else:  # faiss spreads the queries of a batch over the cores
            found = [shard.search(questions, self._share(shard, count)) for shard in self.shards]
        return self._best(queries, found, count)

    def slots(self) -> int:
        """So many can be proposed."""
        return SHARD * (len(self.shards) - 1) + self.shards[-1].slots if self.shards else 0

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _share(self, shard: Shard, count: int) -> int:
        """Of a shard, for `count` of all: half may be in one, as a tracker enrols a person's; the others are spread."""
        return math.ceil(count / 2 * (1 + shard.slots / self.slots()))

    def _shared_out(self, questions: Embedding, count: int) -> list[Found]:
        """Each shard's proposals; the shards are searched by the threads and the caller, whoever is free next."""
        found: dict[int, Found] = {}
        waiting = iter(range(len(self.shards)))

        def work() -> None:
            for i in waiting:
                found[i] = self.shards[i].search(questions, self._share(self.shards[i], count))

        helpers = [self._pool.submit(work) for _ in range(min(self._threads, len(self.shards)) - 1)]
        with faiss_threads(1):  # or faiss wakes its own threads at the end of each shard, and waits for them
            work()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun is not needed any more
                helper.result()
        return [found[i] for i in range(len(self.shards))]

    def _best(self, queries: Embedding, found: list[Found], count: int) -> Proposed:
        """Of what the shards have found."""
        mean, spread = self._scale()
        near = [(queries @ shard.centre)[:, None] for shard in self.shards]
        of_shards = [at + mean * (part.products + self._missing) for at, part in zip(near, found, strict=True)]
        slots = np.concatenate([part.positions + i * SHARD for i, part in enumerate(found)], axis=1)
        scores = np.concatenate(of_shards, axis=1)
        order = (-scores).argsort(axis=1, kind="stable")  # the fastest kind where pieces are sorted already
        each, kept = np.arange(len(scores))[:, None], order[:, :count]
        cut = [part[:, -1] for shard, part in zip(self.shards, of_shards, strict=True) if part.shape[1] < shard.slots]
        cut.extend(scores[each, order[:, count : count + 1]].T)
        floors = reduce(np.maximum, cut, np.full(len(scores), -np.inf, np.float32))
        of_scale = np.abs(np.maximum(floors, -1)[:, None] - np.concatenate(near, axis=1)).max(axis=1)
        return Proposed(slots[each, kept], scores[each, kept], floors, spread * of_scale)

    def _scale(self) -> tuple[np.float32, np.float32]:
        """Mean, and standard deviation in parts of it."""
        number, total, squares = np.sum([shard.scales for shard in self.shards], axis=0).tolist()
        if not total:
            return np.float32(0), np.float32(0)  # all vectors are the centre
        return np.float32(total / number), np.float32(math.sqrt(max(0, squares * number / total**2 - 1)))

    def _begin(self, shards: int, centre: Callable[[], Embedding]) -> None:
        while len(self.shards) < shards:
            self.shards.append(Shard(self._dim, rotated(centre()[None])[0]))

    def _by_shard(self, slots: Slots) -> Iterator[tuple[Shard, NDArray[np.bool_]]]:
        for i in np.unique(slots // SHARD).tolist():
            if i < len(self.shards):
                yield self.shards[i], slots // SHARD == i
