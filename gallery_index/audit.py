"""Who did what and when, one JSON line per call, one file per month; never an embedding, an image or an attribute."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gallery_index.types import Filter

Action = Literal["create", "enrol", "search", "delete", "erase", "retention", "expire", "drop"]


class AuditLog:
    """Appends only. `by` is the caller's name as the service knows it; ids and filters say what was meant."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def record(self, action: Action, gallery: str, *, by: str, count: int, **details: object) -> None:
        """count: entries stored, found or removed. O_APPEND makes one line one write, whatever thread it comes from."""
        now = datetime.now(UTC)
        who = {"at": now.isoformat(timespec="milliseconds"), "by": by}
        line = {**who, "action": action, "gallery": gallery, "count": count, **details}
        path = self._directory / f"audit-{now:%Y-%m}.jsonl"
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        finally:
            os.close(fd)


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
