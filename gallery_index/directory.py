"""All galleries of one data directory, which one process owns."""

from __future__ import annotations

import os
import re
import shutil
from functools import partial
from pathlib import Path
from threading import Lock
from uuid import uuid4

from filelock import FileLock, Timeout

from gallery_index.audit import AuditLog
from gallery_index.database import Durability
from gallery_index.errors import DirectoryInUse, StorageFailed, UnknownGallery
from gallery_index.expiry import expire, expire_all
from gallery_index.files import sync_directory
from gallery_index.gallery import EmbeddedGallery
from gallery_index.store import FILE, Store
from gallery_index.tuning import Tuning
from gallery_index.validation import check_name, check_same_model, is_name
from reid_contract import EmbeddingSpec

DEFAULT = Tuning()
LOCK = "lock"
HALF_CREATED, HALF_DROPPED = ".new-", ".dropped-"  # and 32 hexadecimal digits: a folder's name
_UNFINISHED = re.compile(rf"(?:{re.escape(HALF_CREATED)}|{re.escape(HALF_DROPPED)})[0-9a-f]{{32}}")


class EmbeddedGalleries:
    """DATA_DIR/<gallery>/ for each, DATA_DIR/audit-<month>.jsonl for all. Implements interface.Galleries."""

    def __init__(
        self, directory: Path, *, durability: Durability = "full", threads: int | None = None, tuning: Tuning = DEFAULT
    ) -> None:
        self._directory = directory
        self._opened: dict[str, EmbeddedGallery] = {}
        self._changing = Lock()
        self._closed = False
        self._lock = FileLock(directory / LOCK)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._sweep()
        except Timeout:
            raise DirectoryInUse(
                f"{directory} is in use by another process; allowed: one at a time (is a service running on it?)"
            ) from None
        except OSError as error:
            raise StorageFailed(f"{directory} cannot be used: {error.strerror or error}") from error
        self._audit = AuditLog(directory, durable=durability == "full")
        threads = threads or len(os.sched_getaffinity(0))
        self._make = partial(EmbeddedGallery, audit=self._audit, durability=durability, threads=threads, tuning=tuning)

    def names(self) -> list[str]:
        """In alphabetical order."""
        return sorted(path.parent.name for path in self._directory.glob(f"*/{FILE}") if is_name(path.parent.name))

    def create(self, name: str, embedding: EmbeddingSpec, *, by: str) -> EmbeddedGallery:
        """Idempotent for the same model."""
        check_name(name)
        with self._changing:
            self._check_open()
            if name in self.names():
                return self._open(name, embedding)
            self._audit.check()
            try:
                self._create(name, embedding)
            except OSError as error:
                raise StorageFailed(f"{self._directory / name} cannot be created: {error.strerror or error}") from error
            self._audit.record("create", name, by=by, count=0, model_id=embedding.model_id)
            return self._open(name, embedding)

    def open(self, name: str, embedding: EmbeddingSpec | None = None) -> EmbeddedGallery:
        """The same object each time, until it is dropped."""
        check_name(name)
        with self._changing:
            return self._open(name, embedding)

    def drop(self, name: str, *, by: str) -> None:
        """Waits for running calls; callers that still hold the gallery meet UnknownGallery."""
        check_name(name)
        with self._changing:
            self._check_open()
            if name not in self.names():
                raise UnknownGallery(f"there is no gallery {name!r}")
            self._audit.check()
            if gallery := self._opened.pop(name, None):
                gallery.close()
            try:
                self._drop(name)
            except OSError as error:
                raise StorageFailed(f"{self._directory / name} cannot be dropped: {error.strerror or error}") from error
            finally:
                if name not in self.names():
                    self._audit.record("drop", name, by=by, count=0)

    def expire(self) -> int:
        """Erases what is past its gallery's retention."""
        return expire_all(self.names(), self._expire)

    def close(self) -> None:
        """Waits for running calls, then gives up the directory."""
        with self._changing:
            self._closed = True
            while self._opened:
                self._opened.popitem()[1].close()
            self._lock.release()

    def _check_open(self) -> None:
        """Without the lock another process may write the same slots."""
        if self._closed:
            raise StorageFailed(f"{self._directory} is closed")

    def _open(self, name: str, embedding: EmbeddingSpec | None) -> EmbeddedGallery:
        self._check_open()
        if name not in self._opened:
            if name not in self.names():
                raise UnknownGallery(f"there is no gallery {name!r}")
            self._opened[name] = self._make(self._directory / name)
        check_same_model(name, self._opened[name].embedding, embedding)
        return self._opened[name]

    def _create(self, name: str, embedding: EmbeddingSpec) -> None:
        """Under another name first: a gallery is there whole or not at all."""
        home, unfinished = self._directory / name, self._directory / f"{HALF_CREATED}{uuid4().hex}"
        if home.exists():
            raise StorageFailed(f"{home} is there without its {FILE}; restore that, or move the folder away")
        try:
            unfinished.mkdir(mode=0o700)
            Store.create(unfinished / FILE, embedding)
            unfinished.rename(home)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        sync_directory(self._directory)

    def _drop(self, name: str) -> None:
        """From the rename on it is gone; what cannot be removed now is removed when the directory is next opened."""
        doomed = self._directory / f"{HALF_DROPPED}{uuid4().hex}"
        (self._directory / name).rename(doomed)
        sync_directory(self._directory)
        shutil.rmtree(doomed)
        sync_directory(self._directory)

    def _expire(self, name: str) -> int:
        gallery = self.open(name)
        gallery.finish_erasure()
        return expire(gallery, gallery.retention_days())

    def _sweep(self) -> None:
        """Removes what an interrupted create or drop has left; hidden folders of others stay."""
        for folder in self._directory.iterdir():
            if _UNFINISHED.fullmatch(folder.name):
                shutil.rmtree(folder)
