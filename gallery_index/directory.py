"""All galleries of one data directory, which one process owns."""

from __future__ import annotations

import os
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
from gallery_index.validation import check_name, check_same_model
from reid_contract import EmbeddingSpec

DEFAULT = Tuning()
LOCK = "lock"
UNFINISHED = "."  # a folder that begins so is half created or half dropped


class EmbeddedGalleries:
    """DATA_DIR/<gallery>/ for each, DATA_DIR/audit-<month>.jsonl for all. Implements interface.Galleries."""

    def __init__(
        self, directory: Path, *, durability: Durability = "full", threads: int | None = None, tuning: Tuning = DEFAULT
    ) -> None:
        self._directory = directory
        self._opened: dict[str, EmbeddedGallery] = {}
        self._changing = Lock()
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
        self._audit = AuditLog(directory)
        threads = threads or len(os.sched_getaffinity(0))
        self._make = partial(EmbeddedGallery, audit=self._audit, durability=durability, threads=threads, tuning=tuning)

    def names(self) -> list[str]:
        """In alphabetical order."""
        return sorted(path.parent.name for path in self._directory.glob(f"[!{UNFINISHED}]*/{FILE}"))

    def create(self, name: str, embedding: EmbeddingSpec, *, by: str) -> EmbeddedGallery:
        """Idempotent for the same model."""
        check_name(name)
        with self._changing:
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
            if name not in self.names():
                raise UnknownGallery(f"there is no gallery {name!r}")
            self._audit.check()
            if gallery := self._opened.pop(name, None):
                gallery.close()
            doomed = self._directory / f"{UNFINISHED}dropped-{uuid4().hex}"
            (self._directory / name).rename(doomed)
            shutil.rmtree(doomed)
            self._audit.record("drop", name, by=by, count=0)

    def expire(self) -> int:
        """Erases what is past its gallery's retention."""
        return expire_all(self.names(), self._expire)

    def close(self) -> None:
        """Waits for running calls, then gives up the directory."""
        with self._changing:
            while self._opened:
                self._opened.popitem()[1].close()
            self._lock.release()

    def _open(self, name: str, embedding: EmbeddingSpec | None) -> EmbeddedGallery:
        if name not in self._opened:
            if name not in self.names():
                raise UnknownGallery(f"there is no gallery {name!r}")
            self._opened[name] = self._make(self._directory / name)
        check_same_model(name, self._opened[name].embedding, embedding)
        return self._opened[name]

    def _create(self, name: str, embedding: EmbeddingSpec) -> None:
        """Under another name first: a gallery is there whole or not at all."""
        unfinished = self._directory / f"{UNFINISHED}new-{uuid4().hex}"
        unfinished.mkdir(mode=0o700)
        Store.create(unfinished / FILE, embedding)
        unfinished.rename(self._directory / name)
        sync_directory(self._directory)

    def _expire(self, name: str) -> int:
        gallery = self.open(name)
        return expire(gallery, gallery.retention_days(), unfinished=gallery.erasing())

    def _sweep(self) -> None:
        """Removes what an interrupted create or drop has left."""
        for folder in self._directory.glob(f"{UNFINISHED}*-*"):
            shutil.rmtree(folder)
