"""The coarse stage: one bit per dimension of every embedding, scanned with SIMD (RaBitQ FastScan).

RaBitQ (Gao and Long, SIGMOD 2024, arXiv:2405.12497) estimates inner products from the signs of (vector - centre), once
both are rotated. Position in the index = slot in the vector file. faiss has no update in place; its code packer does: a
slot that is used again gets a new code, a slot that is free has a code of zeros. So nothing piles up and nothing has to
be rebuilt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery_index.rotation import rotated
from gallery_index.scan import Scores
from gallery_index.threads import faiss_threads
from gallery_index.types import Embedding
from gallery_index.vectors import Slots

SHARD = 51_200  # slots, a multiple of GROWTH; one query uses several cores only over several shards
BLOCK = 32  # codes are interleaved in blocks of so many
GROWTH = 1_024  # a shard grows by so many slots; what is not filled yet is scanned in vain


class Proposed(NamedTuple):
    """slots (Q, M), the best of each query first; some may be free. scores (Q, M): their estimated cosines.
    floors (Q,): no slot that was left out is estimated to be better."""

    slots: Slots
    scores: Scores
    floors: Scores


class Coarse:
    """Codes of the slots 0, 1, 2…; shards of SHARD slots each. Changes need exclusion, searches do not."""

    def __init__(self, dim: int, threads: int) -> None:
        self._dim = dim
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
        """Zeroes codes; slots that have none are no error."""
        for shard, chosen in self._by_shard(slots):
            shard.wipe(slots[chosen] % SHARD)

    def search(self, queries: Embedding, count: int) -> Proposed:
        """M <= count."""
        if not self.shards:  # all was erased, then compacted
            return _nothing(len(queries))
        queries = rotated(queries)
        if len(self.shards) == 1:
            return self.shards[0].search(queries, count)
        if len(queries) == 1:
            found = self._shared_out(queries, count)
        else:  # faiss spreads the queries of a batch over the cores
            found = [shard.search(queries, self._asked(shard, count)) for shard in self.shards]
        return _merged(found, count)

    def slots(self) -> int:
        """So many can be proposed."""
        return SHARD * (len(self.shards) - 1) + self.shards[-1].slots if self.shards else 0

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _asked(self, shard: Shard, count: int) -> int:
        """Of a shard, for `count` of all: half may be in one, as a tracker enrols a person's; the others are spread."""
        return math.ceil(count / 2 * (1 + shard.slots / self.slots()))

    def _shared_out(self, query: Embedding, count: int) -> list[Proposed]:
        """Each shard's proposals; the shards are searched by the threads and the caller, whoever is free next."""
        found: dict[int, Proposed] = {}
        waiting = iter(range(len(self.shards)))

        def work() -> None:
            for i in waiting:
                found[i] = self.shards[i].search(query, self._asked(self.shards[i], count))

        helpers = [self._pool.submit(work) for _ in range(min(self._threads, len(self.shards)) - 1)]
        with faiss_threads(1):  # or faiss wakes its own threads at the end of each shard, and waits for them
            work()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun is not needed any more
                helper.result()
        return [found[i] for i in range(len(self.shards))]

    def _begin(self, shards: int, centre: Callable[[], Embedding]) -> None:
        while len(self.shards) < shards:
            self.shards.append(Shard(self._dim, rotated(centre()[None])[0]))

    def _by_shard(self, slots: Slots) -> Iterator[tuple[Shard, NDArray[np.bool_]]]:
        for i in np.unique(slots // SHARD).tolist():
            if i < len(self.shards):
                yield self.shards[i], slots // SHARD == i


def block_bytes(dim: int) -> int:
    """Bytes of BLOCK codes."""
    return int(_empty_index(dim, np.zeros(dim, np.float32)).get_CodePacker().block_size)


def slot_bytes(dim: int) -> int:
    """Memory of a slot: its code, and its number, of which faiss keeps a list."""
    return block_bytes(dim) // BLOCK + 8


class Shard:
    """Up to SHARD codes around one centre; all vectors here are rotated."""

    def __init__(self, dim: int, centre: Embedding, codes: NDArray[np.uint8] | None = None) -> None:
        """codes: as `codes` gave them; their length must be a whole number of blocks."""
        self.centre = centre
        self._index = _empty_index(dim, centre)
        self._lists = _lists(self._index)
        self._packer = self._index.get_CodePacker()
        if codes is not None:
            self._resize(codes.size // self._packer.block_size * BLOCK)
            self.codes[:] = codes.reshape(-1, self._packer.block_size)

    @property
    def slots(self) -> int:
        """So many have codes; a multiple of BLOCK."""
        return int(self._index.ntotal)

    @property
    def codes(self) -> NDArray[np.uint8]:
        """(blocks, bytes of a block), the memory itself."""
        return _codes(self._index)

    def put(self, positions: Slots, rows: Embedding) -> None:
        """Encodes rows[i] at positions[i]."""
        if (needed := int(positions.max()) + 1) > self._index.ntotal:
            self._resize(min(SHARD, -(-needed // GROWTH) * GROWTH))
        encoder = _empty_index(rows.shape[1], self.centre)
        encoder.add(rows)
        fresh = _codes(encoder)
        codes, begin = self.codes, 0
        if positions[0] % BLOCK == 0 and np.array_equal(positions, np.arange(positions[0], positions[0] + len(rows))):
            blocks, at = len(rows) // BLOCK, int(positions[0]) // BLOCK
            codes[at : at + blocks] = fresh[:blocks]
            begin = blocks * BLOCK
        for i, position in enumerate(positions[begin:].tolist(), begin):
            _pack(self._packer, _unpack(self._packer, fresh, i), position, codes)

    def wipe(self, positions: Slots) -> None:
        """Zeroes codes."""
        codes, zero = self.codes, np.zeros(self._packer.code_size, np.uint8)
        for position in positions[positions < self._index.ntotal].tolist():
            _pack(self._packer, zero, position, codes)

    def search(self, queries: Embedding, count: int) -> Proposed:
        """Of positions; M <= count."""
        if self.slots == 0:
            return _nothing(len(queries))
        scores, positions = self._index.search(queries, min(count, self.slots))
        floors = scores[:, -1] if count < self.slots else np.full(len(queries), -np.inf, np.float32)
        return Proposed(positions, scores, floors)

    def _resize(self, slots: int) -> None:
        """What is new is zero."""
        self._lists.resize(0, slots)
        faiss.rev_swig_ptr(self._lists.get_ids(0), slots)[:] = np.arange(slots)
        self._index.ntotal = slots


def _nothing(queries: int) -> Proposed:
    none = np.empty((queries, 0), np.float32)
    return Proposed(none.astype(np.int64), none, np.full(queries, -np.inf, np.float32))


def _merged(found: list[Proposed], count: int) -> Proposed:
    """The best `count` of what the shards propose."""
    slots = np.concatenate([proposed.slots + i * SHARD for i, proposed in enumerate(found)], axis=1)
    scores = np.concatenate([proposed.scores for proposed in found], axis=1)
    order = (-scores).argsort(axis=1, kind="stable")  # the fastest kind where pieces are sorted already
    each, kept, next_best = np.arange(len(scores))[:, None], order[:, :count], order[:, count : count + 1]
    floors = reduce(np.maximum, [proposed.floors for proposed in found])
    if next_best.size:
        floors = np.maximum(floors, scores[each, next_best][:, 0])
    return Proposed(slots[each, kept], scores[each, kept], floors)


def _empty_index(dim: int, centre: Embedding) -> Any:
    """One inverted list holds all. Without lists faiss has RaBitQ with the same codes too, but copies the query for
    each block: a tenth slower for one query, a fifth for many."""
    quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(centre[None])
    index: Any = faiss.IndexIVFRaBitQFastScan(quantizer, dim, 1, faiss.METRIC_INNER_PRODUCT)
    index.train(centre[None])  # a formality: there is nothing to learn
    return index


def _codes(index: Any) -> NDArray[np.uint8]:
    """(blocks, bytes of a block) of the only list, the memory itself."""
    lists = _lists(index)
    shape = -(-lists.list_size(0) // BLOCK), lists.block_size
    if shape[0] == 0:
        return np.empty(shape, np.uint8)
    memory: NDArray[np.uint8] = faiss.rev_swig_ptr(lists.get_codes(0), shape[0] * shape[1])
    return memory.reshape(shape)


def _lists(index: Any) -> Any:
    return faiss.downcast_InvertedLists(index.invlists)


def _pack(packer: Any, code: NDArray[np.uint8], position: int, codes: NDArray[np.uint8]) -> None:
    """One block at a time: faiss's own check takes a position behind block_size * 32 for an error."""
    block = position // BLOCK
    packer.pack_1(code, position % BLOCK, codes[block : block + 1])


def _unpack(packer: Any, codes: NDArray[np.uint8], position: int) -> NDArray[np.uint8]:
    block = position // BLOCK
    return np.asarray(packer.unpack_1(codes[block : block + 1], position % BLOCK))
