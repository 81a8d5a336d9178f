"""A gallery's files and what is held of them in memory, changed together.

A write takes four steps: the embeddings go into slots that nobody reads, SQLite learns of them (at its commit they are
stored), memory follows, and slots that became free are zeroed. The commit and memory's change happen under the
exclusive lock, so a search sees all of a write or nothing of it, and waits for neither the disk nor the embeddings.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np

from gallery_index.database import Durability
from gallery_index.engine import Engine
from gallery_index.errors import StorageFailed, UnknownGallery
from gallery_index.interface import EVERYTHING
from gallery_index.locks import SharedLock
from gallery_index.store import FILE, Store
from gallery_index.types import Embedding, Entry, Filter
from gallery_index.vectors import VectorFile

VECTORS = "vectors.f32"
LOG_LIMIT = 16 * 2**20  # bytes of write-ahead log after which it is moved into the file

_log = logging.getLogger(__name__)


class Storage:
    """Writes are one at a time; reads go on meanwhile, within `reading()`."""

    def __init__(self, directory: Path, durability: Durability) -> None:
        self._directory = directory
        self._durable = durability == "full"
        self._writing = Lock()
        self._lock = SharedLock()
        self._closed = False
        self.store = Store(directory / FILE, durability)
        with self._failures():
            self.vectors = VectorFile(directory / VECTORS, self.store.embedding().dim)
            used = self.store.slots(EVERYTHING)
            self._next = int(used.max(initial=-1)) + 1
            self.vectors.require(self._next)
            self.engine = Engine(self.vectors, used)
            if left := self.vectors.wipe_unused(self.engine.used):
                _log.warning("%s: wiped %d embeddings of writes that were interrupted", directory, left)
        self._free: list[int] = np.flatnonzero(~self.engine.used[: self._next]).tolist()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Store, vectors and engine agree with each other inside."""
        with self._lock.shared():
            self._check_open()
            yield

    def put(self, entries: Sequence[Entry], rows: Embedding) -> int:
        """Stores entries with their embeddings, replacing those of the same ids. Returns how many ids were new."""
        with self._write():
            slots = self._take(len(entries))
            try:
                checksums = self.vectors.write(slots, rows, durable=self._durable)
                with self.store.db.transaction():
                    replaced = self.store.slots_of([entry.id for entry in entries])
                    self.store.remove(replaced)
                    self.store.insert(entries, slots, checksums, self.store.next_seq())
                    self._commit(removed=replaced, added=slots)
            except BaseException:
                self._give_back(slots)
                raise
            self._give_back(replaced)
            return len(entries) - len(replaced)

    def remove(self, ids: Sequence[str]) -> int:
        """Returns how many existed."""
        with self._write():
            return self._remove(self.store.slots_of(ids))

    def erase(self, where: Filter) -> int:
        """Removes what the filter allows, then rewrites every file that may still hold a byte of it."""
        with self._write():
            count = self._remove(self.store.slots(where).tolist())
            self.vectors.sync()
            self.store.db.vacuum()
            with self._lock.exclusive():
                self.store.db.empty_log()
            return count

    def set_retention(self, days: int | None) -> None:
        """None keeps everything."""
        with self._write(), self.store.db.transaction():
            self.store.set_retention(days)
            self.store.db.commit()

    def close(self) -> None:
        """Waits for whoever reads or writes."""
        with self._writing, self._lock.exclusive():
            if not self._closed:
                self._closed = True
                self.vectors.close()
                self.store.db.close()

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._writing, self._failures():
            self._check_open()
            yield
            if self.store.db.log_bytes() > LOG_LIMIT:
                self.vectors.sync()  # what SQLite's file says must not be ahead of the embeddings on the disk
                self.store.db.checkpoint()

    def _commit(self, *, removed: list[int], added: list[int]) -> None:
        with self._lock.exclusive():
            self.store.db.commit()
            self.engine.apply(removed=removed, added=added)

    def _remove(self, slots: list[int]) -> int:
        with self.store.db.transaction():
            self.store.remove(slots)
            self.store.next_seq()
            self._commit(removed=slots, added=[])
        self._give_back(slots)
        return len(slots)

    def _take(self, count: int) -> list[int]:
        """Free slots, the lowest first."""
        reused = [heapq.heappop(self._free) for _ in range(min(count, len(self._free)))]
        fresh = range(self._next, self._next + count - len(reused))
        self._next += len(fresh)
        return [*reused, *fresh]

    def _give_back(self, slots: list[int]) -> None:
        self.vectors.wipe(slots)
        for slot in slots:
            heapq.heappush(self._free, slot)

    def _check_open(self) -> None:
        if self._closed:
            raise UnknownGallery(f"gallery {self._directory.name!r} is closed")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageFailed(f"{self._directory}: {error.strerror or error}") from error
