"""The embeddings: one file of float32 rows, read through the page cache, written with pwrite.

Row number = slot. SQLite says which slots are in use and what their checksums are; a slot that is not in use is zero.
Writing through the mapping would be simpler and wrong: on a full disk that kills the process (SIGBUS), pwrite refuses.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gallery_index.errors import StorageFailed
from gallery_index.types import Embedding

Slots = NDArray[np.int64]

_GROWTH_BYTES = 16 * 2**20  # the file grows in steps, sparse: a new mapping per step, not per batch


class VectorFile:
    """Rows of `dim` float32. One writer; readers keep using a mapping that they have while the file grows."""

    def __init__(self, path: Path, dim: int) -> None:
        self._path = path
        self._dim = dim
        self._row_bytes = dim * 4
        self._step = max(1, _GROWTH_BYTES // self._row_bytes)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._rows = self._map()

    @property
    def capacity(self) -> int:
        """Slots that can be read."""
        return len(self._rows)

    @property
    def dim(self) -> int:
        """Width of a row."""
        return self._dim

    @property
    def rows(self) -> Embedding:
        """(capacity, dim) float32, read-only, in the page cache. Take it anew for each search."""
        return self._rows

    def require(self, slots: int) -> None:
        """Raises StorageFailed where fewer rows are there than SQLite knows of: the file was cut."""
        if self.capacity < slots:
            raise StorageFailed(
                f"{self._path} holds {self.capacity} embeddings, the gallery knows of {slots}; "
                "restore the file from a backup or import an export"
            )

    def write(self, slots: Sequence[int], rows: Embedding, *, durable: bool) -> list[int]:
        """Writes rows[i] to slots[i]; returns the rows' CRC-32 checksums. With `durable`, waits for the disk."""
        self._grow(max(slots) + 1)
        for begin, end in _runs(slots):
            self._pwrite(memoryview(rows[begin:end].data).cast("B"), slots[begin] * self._row_bytes)
        if durable:
            self.sync()
        return [zlib.crc32(row) for row in rows]

    def wipe(self, slots: Sequence[int]) -> None:
        """Zeroes rows that are no longer in use. Only where there is something: on a full disk a hole must stay one."""
        for slot in slots:
            if slot < self.capacity and self._rows[slot].any():
                self._pwrite(memoryview(bytes(self._row_bytes)), slot * self._row_bytes)

    def wipe_unused(self, used: NDArray[np.bool_]) -> int:
        """Zeroes what an interrupted write or deletion left in slots that are not used; returns how many."""
        left = [slot for slot in np.flatnonzero(~used[: self.capacity]).tolist() if self._rows[slot].any()]
        self.wipe(left)
        return len(left)

    def checksum(self, slot: int) -> int:
        """CRC-32 of a row."""
        return zlib.crc32(self._rows[slot])

    def truncate(self, slots: int) -> None:
        """Gives the space behind the first `slots` rows back."""
        os.ftruncate(self._fd, self._rounded(slots) * self._row_bytes)
        self._rows = self._map()

    def sync(self) -> None:
        """Waits until the disk has it."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Readers must be gone."""
        self._rows = np.empty((0, self._dim), np.float32)
        os.close(self._fd)

    def _grow(self, slots: int) -> None:
        if slots > self.capacity:
            os.ftruncate(self._fd, self._rounded(slots) * self._row_bytes)
            self._rows = self._map()

    def _rounded(self, slots: int) -> int:
        return -(-slots // self._step) * self._step

    def _pwrite(self, data: memoryview, offset: int) -> None:
        while data:
            written = os.pwrite(self._fd, data, offset)
            data, offset = data[written:], offset + written

    def _map(self) -> Embedding:
        rows = os.fstat(self._fd).st_size // self._row_bytes
        if rows == 0:
            return np.empty((0, self._dim), np.float32)
        mapping = mmap.mmap(self._fd, rows * self._row_bytes, prot=mmap.PROT_READ)
        return np.frombuffer(mapping, np.float32).reshape(rows, self._dim)


def _runs(slots: Sequence[int]) -> list[tuple[int, int]]:
    """Index ranges [begin, end) of consecutive slots: a batch that is appended is one write."""
    breaks = np.flatnonzero(np.diff(np.asarray(slots, np.int64)) != 1) + 1
    edges = [0, *breaks.tolist(), len(slots)]
    return list(pairwise(edges))
