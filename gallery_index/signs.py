"""One bit per dimension, as faiss scans it fastest: product quantization of four dimensions at a time.

A code says of a vector which of the sixteen corners of a cube it points to, in each group of four: its signs. Nothing
has to be trained. faiss turns a query's products with the corners into tables of whole numbers up to 255 and adds them
up in 16 bits (FastScan), so there is one group more than there are dimensions for, which keeps the sums in range.
"""

from __future__ import annotations

import math
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from gallery_index.types import Embedding

BLOCK = 32  # codes are interleaved in blocks of so many

_GROUP = 4  # dimensions whose table of products fits a register
_LAST_GROUP = np.array([1, 1, 1, -1], np.float32)  # of a query, times its room; in codes its bits are 0


def sign_index(dim: int) -> Any:
    """An empty index whose products are <q, signs> / sqrt(D)."""
    groups = _width(dim) // _GROUP
    index: Any = faiss.IndexPQFastScan(_width(dim), groups, _GROUP, faiss.METRIC_INNER_PRODUCT, BLOCK)
    corners = np.unpackbits(np.arange(2**_GROUP, dtype=np.uint8)[:, None], axis=1, count=_GROUP, bitorder="little")
    signs = (2 * corners.astype(np.float32) - 1) / np.float32(math.sqrt(dim))
    faiss.copy_array_to_vector(np.tile(signs.ravel(), groups), index.pq.centroids)
    index.is_trained = True
    return index


def grouped(rows: Embedding) -> Embedding:
    """Vectors (N, D) as an index takes them to be encoded: (N, G), with 0 for the bits that stand for no dimension."""
    dim = rows.shape[1]
    return np.pad(rows, ((0, 0), (0, _width(dim) - dim)), constant_values=-1)


def asked(queries: Embedding) -> Embedding:
    """Queries (Q, D) of length 1 as an index takes them, (Q, G).

    faiss scales the tables so that the greatest spans 255. Of many dimensions the sum for the best match of all
    overflowed, and it came out as the worst: the last group's table is great enough to prevent that. faiss also leaves
    out codes whose sum is 0: with the last group, there is none.
    """
    dim = queries.shape[1]
    wide = np.zeros((len(queries), _width(dim)), np.float32)
    wide[:, :dim] = queries
    wide[:, -_GROUP:] = _room(dim) * _LAST_GROUP
    return wide


def missing(dim: int) -> float:
    """What an index's answer is less than <q, signs> / sqrt(D): the last group's part."""
    return float(_room(dim) * _LAST_GROUP.sum() / math.sqrt(dim))


def block_bytes(dim: int) -> int:
    """Bytes of BLOCK codes."""
    return int(sign_index(dim).get_CodePacker().block_size)


def packed(index: Any, bytes_of_block: int) -> NDArray[np.uint8]:
    """The codes, (blocks, bytes of a block), the memory itself: it must not outlive the index."""
    shape = -(-index.ntotal // BLOCK), bytes_of_block
    if shape[0] == 0:
        return np.empty(shape, np.uint8)
    memory: NDArray[np.uint8] = faiss.rev_swig_ptr(index.codes.get(), shape[0] * shape[1])
    return memory.reshape(shape)


def pack(packer: Any, code: NDArray[np.uint8], position: int, into: NDArray[np.uint8]) -> None:
    """One block at a time: faiss's own check takes a position behind block_size * 32 for an error."""
    block = position // BLOCK
    packer.pack_1(code, position % BLOCK, into[block : block + 1])


def unpack(packer: Any, blocks: NDArray[np.uint8], position: int) -> NDArray[np.uint8]:
    """The code at a position."""
    block = position // BLOCK
    return np.asarray(packer.unpack_1(blocks[block : block + 1], position % BLOCK))


def _room(dim: int) -> float:
    """A query's dimensions add up to sqrt(D) at most. Four of a 1,028th of that each span a 257th of all tables: some
    more for the last group and for what rounding adds. A fiftieth makes 1 of 255 even beside a single dimension."""
    return max(math.sqrt(dim) / 1_000, 1 / 50)


def _width(dim: int) -> int:
    """A whole number of groups, and one."""
    return (-(-dim // _GROUP) + 1) * _GROUP
