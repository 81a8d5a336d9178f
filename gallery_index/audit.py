"""Who did what and when, one JSON line per call, one file per month; never an embedding, an image or an attribute."""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol

from gallery_index.errors import AuditFailed
from gallery_index.files import sync_directory
from gallery_index.types import Filter

_stream = logging.getLogger(__name__)
_as_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make an encoder for each line

Action = Literal["create", "enrol", "search", "delete", "erase", "retention", "drop"]


class Audit(Protocol):
    """Takes note of who did what. Nothing is answered or changed that cannot be noted."""

    def check(self) -> None:
        """Raises AuditFailed where a call could not be noted; asked before anything is changed."""
        ...

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """count: entries stored, found or removed. Raises AuditFailed."""
        ...


class AuditStream:
    """Without a directory of its own the log goes to the logger "gallery_index.audit", one JSON line per call."""

    def check(self) -> None:
        """A logger takes everything."""

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """As in Audit."""
        _stream.info("%s", _line(datetime.now(UTC), action, gallery, by=by, count=count, **details))


class AuditLog:
    """Appends only. `by` is the caller's name as the service knows it; ids and filters say what was meant."""

    def __init__(self, directory: Path, *, durable: bool) -> None:
        """durable: a change's line is on the disk when `record` returns. A search's may be lost in a power cut."""
        self._directory = directory
        self._durable = durable
        self._appending = Lock()

    def check(self) -> None:
        """Opens the log. A disk that is full is met only by the write."""
        with self._opened(datetime.now(UTC), "nothing was changed"):
            pass

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """As in Audit: all of a line or nothing of it."""
        now = datetime.now(UTC)
        line = _line(now, action, gallery, by=by, count=count, **details).encode(errors="backslashreplace") + b"\n"
        what = "the search is not answered" if action == "search" else f"{action} is done and stored, but not noted"
        with self._appending, self._opened(now, what) as log:
            size = os.fstat(log).st_size
            if os.write(log, line) < len(line):  # half a line would spoil the next one too
                os.ftruncate(log, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._durable and action != "search":
                os.fdatasync(log)
                if size == 0:
                    sync_directory(self._directory)

    @contextmanager
    def _opened(self, now: datetime, what: str) -> Iterator[int]:
        """The month's file. what: became of the call, should this fail."""
        path = f"{self._directory}/audit-{now:%Y-%m}.jsonl"
        try:
            log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                yield log
            finally:
                os.close(log)
        except OSError as error:
            raise AuditFailed(f"{path} cannot be written ({error.strerror or error}): {what}") from error


def _line(now: datetime, action: Action, gallery: str, **details: object) -> str:
    told = {"at": now.isoformat(timespec="milliseconds"), "by": details.pop("by"), "action": action, "gallery": gallery}
    return _as_json(told | details)


def describe(where: Filter) -> dict[str, object]:
    """A filter for the log. Attributes appear by name only: after an erasure their values must be nowhere."""
    described: dict[str, object] = {
        "cameras": None if where.cameras is None else sorted(where.cameras),
        "not_cameras": sorted(where.not_cameras),
        "persons": None if where.persons is None else sorted(where.persons),
        "not_persons": sorted(where.not_persons),
        "since": where.since and where.since.isoformat(),
        "until": where.until and where.until.isoformat(),
        "attributes": sorted(where.attributes),
    }
    return {key: value for key, value in described.items() if value not in (None, [])}
