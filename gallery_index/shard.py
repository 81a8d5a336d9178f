"""Up to SHARD codes around one centre, and estimates of their cosines with a query.

RaBitQ (Gao and Long, SIGMOD 2024, arXiv:2405.12497) estimates inner products from the signs of (vector - centre), once
both are rotated: <q, v> is near <q, centre> + scale * <q, signs>. It keeps the scale of each vector, on which faiss
spends two fifths of a scan. Embeddings have one length, so their scales are nearly the same: here a shard keeps what
their mean needs, and how far they differ.

faiss has no update in place; its code packer does: a slot that is used again gets a new code, a slot that is free has
the code of what lies opposite the centre, which few queries are near. So nothing piles up and nothing is ever rebuilt.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gallery_index.scan import Scores
from gallery_index.signs import BLOCK, block_bytes, grouped, pack, packed, sign_index, unpack
from gallery_index.types import Embedding
from gallery_index.vectors import Slots

GROWTH = 1_024  # a shard grows by so many slots; what is not filled yet is scanned in vain
SHARD = 51_200  # slots, a multiple of GROWTH; one query uses several cores only over several shards

# (3,) of the vectors that were ever encoded here: how many, the sum of their scales, that of the squares
Scales = NDArray[np.float64]


class Found(NamedTuple):
    """positions (Q, M) of a shard, the best of each query first. products (Q, M): <q, signs> / sqrt(D) - `missing`."""

    positions: Slots
    products: Scores


class Shard:
    """All vectors here are rotated. A position here and SHARD times the shard's number are a slot."""

    def __init__(
        self, dim: int, centre: Embedding, codes: NDArray[np.uint8] | None = None, scales: Scales | None = None
    ) -> None:
        """codes: as `codes` gave them; their length must be a whole number of blocks. scales: of these."""
        self.centre = centre
        self.scales: Scales = np.zeros(3) if scales is None else scales
        self._index = sign_index(dim)
        self._packer = self._index.get_CodePacker()
        opposite = sign_index(dim)
        opposite.add(grouped(np.tile(-centre, (BLOCK, 1))))
        self._free_block = packed(opposite, self._packer.block_size).copy()
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
        return packed(self._index, self._packer.block_size)

    def put(self, positions: Slots, rows: Embedding) -> None:
        """Encodes rows[i] at positions[i]."""
        if (needed := int(positions.max()) + 1) > self.slots:
            self._resize(min(SHARD, -(-needed // GROWTH) * GROWTH))
        centred = rows - self.centre
        self.scales += _scales(centred)
        encoder = sign_index(rows.shape[1])
        encoder.add(grouped(centred))
        fresh = packed(encoder, self._packer.block_size)
        held, begin = self.codes, 0
        if positions[0] % BLOCK == 0 and np.array_equal(positions, np.arange(positions[0], positions[0] + len(rows))):
            blocks, at = len(rows) // BLOCK, int(positions[0]) // BLOCK
            held[at : at + blocks] = fresh[:blocks]
            begin = blocks * BLOCK
        for i, position in enumerate(positions[begin:].tolist(), begin):
            pack(self._packer, unpack(self._packer, fresh, i), position, held)

    def wipe(self, positions: Slots) -> None:
        """Gives positions the code of a free slot."""
        held, free = self.codes, unpack(self._packer, self._free_block, 0)
        for position in positions[positions < self.slots].tolist():
            pack(self._packer, free, position, held)

    def search(self, questions: Embedding, count: int) -> Found:
        """The best `count`, or all there are. questions: as `asked` makes them."""
        if self.slots == 0:
            return Found(np.empty((len(questions), 0), np.int64), np.empty((len(questions), 0), np.float32))
        products, positions = self._index.search(questions, min(count, self.slots))
        return Found(positions, products)

    def _resize(self, slots: int) -> None:
        """What is new is free."""
        before = self.slots
        self._index.codes.resize(slots // BLOCK * self._packer.block_size)
        self._index.ntotal = self._index.ntotal2 = slots
        self.codes[before // BLOCK :] = self._free_block


def slot_bytes(dim: int) -> int:
    """Memory of a slot: its code."""
    return block_bytes(dim) // BLOCK


def _scales(centred: Embedding) -> Scales:
    squares, signed = np.vecdot(centred, centred), np.abs(centred).sum(axis=1) / math.sqrt(centred.shape[1])
    scales = np.divide(squares, signed, out=np.zeros(len(centred)), where=signed > 0)  # the centre itself has no signs
    return np.array([len(scales), scales.sum(), scales @ scales])
