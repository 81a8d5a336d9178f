"""Who did what and when, one JSON line per call, one file per month; never an embedding, an image or an attribute."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from gallery_index.errors import StorageFailed
from gallery_index.types import Filter

_stream = logging.getLogger(__name__)

Action = Literal["create", "enrol", "search", "delete", "erase", "retention", "expire", "drop"]


class Audit(Protocol):
    """Takes note of who did what."""

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """count: entries stored, found or removed."""
        ...


class AuditStream:
    """Without a directory of its own the log goes to the logger "gallery_index.audit", one JSON line per call."""

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """As in Audit."""
        _stream.info("%s", _line(datetime.now(UTC), action, gallery, by=by, count=count, **details))


class AuditLog:
    """Appends only. `by` is the caller's name as the service knows it; ids and filters say what was meant."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """count: entries stored, found or removed. O_APPEND makes one line one write, whatever thread it comes from.

        Raises StorageFailed: a search that cannot be noted gives no answer; what a write has stored stays stored, and
        the same call again is safe."""
        now = datetime.now(UTC)
        line = _line(now, action, gallery, by=by, count=count, **details)
        path = self._directory / f"audit-{now:%Y-%m}.jsonl"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, line.encode() + b"\n")
            finally:
                os.close(fd)
        except OSError as error:
            raise StorageFailed(f"{path}: {error.strerror or error}; what is not noted is not answered") from error


def _line(now: datetime, action: Action, gallery: str, **details: object) -> str:
    told = {"at": now.isoformat(timespec="milliseconds"), "by": details.pop("by"), "action": action, "gallery": gallery}
    return json.dumps(told | details, ensure_ascii=False)


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
