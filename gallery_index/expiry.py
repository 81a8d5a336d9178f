"""Retention over all galleries: one that fails must not keep the entries of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from gallery_index.errors import UnknownGallery
from gallery_index.interface import Gallery
from gallery_index.types import Filter

_log = logging.getLogger(__name__)


def expire_all(names: Iterable[str], expire: Callable[[str], int]) -> int:
    """Returns how many entries were erased. Raises the first failure, after every gallery had its turn."""
    erased = 0
    failures: list[Exception] = []
    for name in names:
        try:
            erased += expire(name)
        except UnknownGallery:  # dropped meanwhile
            continue
        except Exception as error:  # a damaged gallery may raise anything
            _log.error("gallery %r: what is past its retention was not erased: %s", name, error)
            failures.append(error)
    if failures:
        raise failures[0]
    return erased


def expire(gallery: Gallery, days: int | None) -> int:
    """Erases what was captured longer ago than `days`; None keeps everything."""
    if days is None:
        return 0
    old = Filter(until=datetime.now(UTC) - timedelta(days=days))
    return gallery.erase(old, by="retention") if gallery.count(old) else 0
