"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def write_together(files: Mapping[Path, bytes]) -> None:
    """Writes every file beside its place, then moves all of them there, the last one last.

    A full disk, an error or an interruption while writing leaves the old files as they were, and nothing else.
    """
    waiting: dict[Path, Path] = {}
    try:
        for place, content in files.items():
            waiting[place] = _write_beside(place, content)
        for place, written in waiting.items():
            written.replace(place)
    except OSError as error:
        raise OSError(error.errno, f"{place} could not be written: {error.strerror}") from error
    finally:
        for written in waiting.values():
            written.unlink(missing_ok=True)


def _write_beside(place: Path, content: bytes) -> Path:
    written = place.with_name(f".{place.name}.{os.getpid()}.partial")
    try:
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            written.unlink(missing_ok=True)
        raise
    return written
