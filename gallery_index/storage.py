"""A gallery's files and what is held of them in memory, changed together.

A write takes four steps: the embeddings go into slots that nobody reads, SQLite learns of them (at its commit they are
stored), memory follows, and slots that became free are zeroed. The commit and memory's change happen under the
exclusive lock, so a search sees all of a write or nothing of it, and waits for neither the disk nor the embeddings.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path
from threading import Lock

import numpy as np

from gallery_index import snapshot
from gallery_index.coarse import Coarse
from gallery_index.columns import NOTHING_SEEN, Columns, Seen
from gallery_index.database import Durability
from gallery_index.engine import Engine
from gallery_index.errors import ErasureUnfinished, StorageFailed, UnknownGallery
from gallery_index.filters import microseconds
from gallery_index.interface import EVERYTHING
from gallery_index.locks import SharedLock
from gallery_index.progress import Progress, no_progress
from gallery_index.shard import Shard
from gallery_index.store import FILE, Store
from gallery_index.tuning import Tuning
from gallery_index.types import Embedding, Entry, Filter
from gallery_index.vectors import Slots, VectorFile

VECTORS = "vectors.f32"

MOVED_AT_ONCE = 1_024

_log = logging.getLogger(__name__)


class Storage:
    """Writes are one at a time; reads go on meanwhile, within `reading()`."""

    def __init__(self, directory: Path, durability: Durability, threads: int, tuning: Tuning) -> None:
        self._directory = directory
        self._tuning = tuning
        self._durable = durability == "full"
        self._writing = Lock()
        self._lock = SharedLock()
        self._closed = False
        self._changes = 0
        self._snapshotting = Lock()
        self._background = ThreadPoolExecutor(1, "gallery-snapshot")
        self._pending: Future[None] | None = None
        self._unwiped: list[int] = []
        self.columns = Columns()
        with ExitStack() as opened, self._failures():
            self.store = Store(directory / FILE, durability)
            opened.callback(self.store.db.close)
            self.vectors = VectorFile(directory / VECTORS, self.store.embedding().dim)
            opened.callback(self.vectors.close)
            (directory / f"{snapshot.FILE}.tmp").unlink(missing_ok=True)
            used = self._load_columns()
            self._next = int(used.max(initial=-1)) + 1
            self.vectors.require(self._next)
            self.engine = Engine(self.vectors, used, threads, tuning)
            if left := self.vectors.wipe_unused(self.engine.used):
                _log.warning("%s: wiped %d embeddings of writes that were interrupted", directory, left)
            self._restore()
            self._free: list[int] = np.flatnonzero(~self.engine.used[: self._next]).tolist()
            if self.store.erasing():
                _log.warning("%s: finishing an erasure that was interrupted", directory)
                self._finish_or_warn()
            self._files = opened.pop_all()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Store, vectors and engine agree with each other inside."""
        with self._lock.shared():
            self._check_open()
            yield

    def allowed(self, where: Filter) -> Slots | None:
        """The slots that a filter allows, ascending; None for all. Within `reading()`."""
        if where == EVERYTHING:
            return None
        if where.persons is not None or where.attributes:
            return self.store.slots(where)
        mask = self.columns.allowed(where, self.engine.used)
        if where.not_persons:
            mask[self.store.slots(Filter(persons=where.not_persons))] = False
        return np.flatnonzero(mask)

    def put(self, entries: Sequence[Entry], rows: Embedding) -> int:
        """Stores entries with their embeddings, replacing those of the same ids. Returns how many ids were new."""
        with self._write():
            seen = self.columns.seen([e.camera_id for e in entries], [microseconds(e.captured_at) for e in entries])
            with self._placed(rows) as (slots, checksums), self.store.db.transaction():
                replaced = self.store.slots_of([entry.id for entry in entries])
                self.store.remove(replaced)
                self.store.insert(entries, slots, checksums, self.store.next_seq())
                self._commit(removed=replaced, added=slots, rows=rows, seen=seen)
            self._give_back(replaced)
            return len(entries) - len(replaced)

    def remove(self, ids: Sequence[str]) -> int:
        """Returns how many existed."""
        with self._write():
            return self._remove(self.store.slots_of(ids))

    def erase(self, where: Filter) -> int:
        """Removes what the filter allows, then rewrites every file that may still hold a byte of it.

        Where nothing is allowed, the files are rewritten all the same if something was deleted or replaced before:
        whoever erases a person may have deleted some of the entries already."""
        with self._write():
            slots = self.store.slots(where).tolist()
            if slots or not self.store.clean():
                self._remove(slots, erasing=True)
                self._finish_erasure(len(slots))
            return len(slots)

    def erase_thumbnails(self) -> int:
        """Removes the pictures and rewrites every file that may still hold a byte of them; the entries stay."""
        with self._write():
            with self.store.db.transaction():
                count = self.store.remove_thumbnails()
                if not count and self.store.clean():
                    return 0
                self.store.set_erasing()
                self.store.db.commit()
            self._finish_erasure(count)
            return count

    def finish_erasure(self) -> None:
        """Does what an erasure that failed has left to do, if there is any."""
        with self._write():
            if self.store.erasing():
                self._finish_erasure(0)

    def compact(self, progress: Progress = no_progress) -> None:
        """Moves entries into free slots until there are none between them, and gives the space back."""
        with self._write():
            self._wipe()
            movable = np.flatnonzero(self.engine.used)
            movable = movable[movable >= self.engine.entries]
            for begin in range(0, len(movable), MOVED_AT_ONCE):
                self._move(movable[begin : begin + MOVED_AT_ONCE])
                progress(min(begin + MOVED_AT_ONCE, len(movable)), len(movable))
            with self._lock.exclusive():
                self._next, self._free = self.engine.entries, []
                self.vectors.truncate(self._next)
                self.engine.renew()
            self._rewrite()

    def set_retention(self, days: int | None) -> None:
        """None keeps everything."""
        with self._write(), self.store.db.transaction():
            self.store.set_retention(days)
            self.store.db.commit()

    def close(self) -> None:
        """Waits for whoever reads or writes."""
        with self._writing:
            if self._closed:
                return
            self._background.shutdown()
            if self._changes:
                self._snapshot_or_warn()
            with self._lock.exclusive():
                self._closed = True
                self.engine.close()
                self._files.close()

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._writing, self._failures():
            self._check_open()
            yield
            try:
                self._tidy_up()
            except (StorageFailed, OSError) as error:  # what was asked is stored; only the log stays long
                _log.warning("%s: the log was not moved into the file (%s); it grows", self._directory, error)

    def _tidy_up(self) -> None:
        """What a write leaves to do now and then."""
        if self.store.db.log_bytes() > self._tuning.log_bytes:
            self.vectors.sync()  # what SQLite's file says must not be ahead of the embeddings on the disk
            self.store.db.checkpoint()
        due = max(self._tuning.snapshot_after, self._tuning.snapshot_share * self.engine.entries)
        if self._changes >= due and (self._pending is None or self._pending.done()):
            self._changes = 0
            self._pending = self._background.submit(self._snapshot_or_warn)

    def _commit(self, *, removed: list[int], added: list[int], rows: Embedding, seen: Seen) -> None:
        with self._lock.exclusive():
            self.store.db.commit()
            self.columns.put(added, seen)
            self.engine.apply(removed=removed, added=added, rows=rows)
        self._changes += len(removed) + len(added)

    def _remove(self, slots: list[int], *, erasing: bool = False) -> int:
        with self.store.db.transaction():
            self.store.remove(slots)
            self.store.next_seq()
            if erasing:
                self.store.set_erasing()
            nothing = np.empty((0, self.vectors.dim), np.float32)
            self._commit(removed=slots, added=[], rows=nothing, seen=NOTHING_SEEN)
        self._give_back(slots)
        return len(slots)

    def _move(self, slots: Slots) -> None:
        rows = self.vectors.rows[slots]
        with self._placed(rows) as (targets, _), self.store.db.transaction():
            seq = self.store.next_seq()
            for slot, target in zip(slots.tolist(), targets, strict=True):
                self.store.move(slot, target, seq)
            self._commit(removed=slots.tolist(), added=targets, rows=rows, seen=self.columns.at(slots))
        self._give_back(slots.tolist())

    def _finish_or_warn(self) -> None:
        """A gallery that cannot be rewritten can still be searched."""
        try:
            self._finish_erasure(0)
        except ErasureUnfinished as error:
            _log.error("%s", error)

    def _finish_erasure(self, count: int) -> None:
        try:
            self._rewrite()
        except (StorageFailed, OSError) as error:
            raise ErasureUnfinished(
                f"{self._directory}: {count} are gone from every answer, but their bytes are still in the files, "
                f"which could not be rewritten ({error}); the next erasure, expiry or opening tries again",
                count,
            ) from error

    def _rewrite(self) -> None:
        """Every file anew that may still hold what was removed. If this is interrupted, the next opening does it."""
        self._wipe()
        self.vectors.sync()
        self.store.db.vacuum()
        with self._lock.exclusive():
            self.store.db.empty_log()
        self._snapshot()
        with self.store.db.transaction():
            self.store.set_clean()
            self.store.db.commit()

    @contextmanager
    def _placed(self, rows: Embedding) -> Iterator[tuple[list[int], list[int]]]:
        """Slots that hold the rows, and their checksums; given back unless they are committed inside."""
        slots = self._take(len(rows))
        try:
            yield slots, self.vectors.write(slots, rows, durable=self._durable)
        finally:
            if not self.engine.holds(slots[0]):
                self._give_back(slots)

    def _take(self, count: int) -> list[int]:
        """Free slots, the lowest first."""
        reused = [heapq.heappop(self._free) for _ in range(min(count, len(self._free)))]
        fresh = range(self._next, self._next + count - len(reused))
        self._next += len(fresh)
        return [*reused, *fresh]

    def _give_back(self, slots: list[int]) -> None:
        """After a commit nothing may fail any more: what cannot be zeroed now is zeroed later, and free then."""
        self._unwiped += slots
        try:
            self._wipe()
        except OSError as error:
            _log.warning("%s: %d embeddings of removed entries not zeroed yet (%s)", self._directory, len(slots), error)

    def _wipe(self) -> None:
        self.vectors.wipe(self._unwiped)
        for slot in self._unwiped:
            heapq.heappush(self._free, slot)
        self._unwiped = []

    def _load_columns(self) -> Slots:
        """Returns the slots in use."""
        used = [np.empty(0, np.int64)]
        for camera, slots, times in self.store.sightings_of_cameras():
            self.columns.put(slots, self.columns.seen(repeat(camera, len(slots)), times))
            used.append(slots)
        return np.concatenate(used)

    def _restore(self) -> None:
        """The coarse stage from its snapshot, or from the embeddings."""
        path = self._directory / snapshot.FILE
        if self.engine.entries < self._tuning.coarse_from:
            path.unlink(missing_ok=True)
            return
        try:
            self.engine.restore(self._load)
        except snapshot.Unusable as reason:
            _log.warning("%s: %s; encoding %d entries anew", self._directory, reason, self.engine.entries)
            self.engine.encode()
            self._pending = self._background.submit(self._snapshot_or_warn)

    def _load(self, coarse: Coarse) -> Slots:
        path = self._directory / snapshot.FILE
        seq = snapshot.load(path, self.store.embedding(), coarse, self.store.seq())
        if coarse.slots() > len(self.engine.used):
            raise snapshot.Unusable("the snapshot is from before a compaction that was interrupted")
        return self.store.changed_since(seq)

    def _snapshot_or_warn(self) -> None:
        try:
            self._snapshot()
        except OSError as error:
            _log.warning("%s: no snapshot was written (%s); opening will take longer", self._directory, error)

    def _snapshot(self) -> None:
        """Copies shard by shard, so that writers wait for one copy at most; see snapshot.py why that is right."""
        path = self._directory / snapshot.FILE
        with self._snapshotting:
            with self._lock.shared():
                coarse, seq = self.engine.coarse, self.store.seq()
                shards = [(shard, shard.slots) for shard in coarse.shards] if coarse else []
            if not shards:
                path.unlink(missing_ok=True)
                return
            parts = (self._copied(shard, slots) for shard, slots in shards)
            snapshot.save(path, self.store.embedding(), seq, [slots for _, slots in shards], parts)

    def _copied(self, shard: Shard, slots: int) -> bytes:
        with self._lock.shared():
            return snapshot.shard_bytes(shard, slots)

    def _check_open(self) -> None:
        if self._closed:
            raise UnknownGallery(f"gallery {self._directory.name!r} is closed")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageFailed(f"{self._directory}: {error.strerror or error}") from error
