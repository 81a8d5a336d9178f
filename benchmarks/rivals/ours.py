"""gallery_index, as durable as the service has it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from benchmarks.gallery.clusters import FIRST, entries
from benchmarks.rivals.contender import K, Rows, Where
from gallery_index import Filter
from gallery_index.directory import EmbeddedGalleries
from reid_contract import EmbeddingSpec


class GalleryIndex:
    """A directory of galleries with one gallery."""

    def __init__(self, folder: Path, dim: int) -> None:
        self._galleries = EmbeddedGalleries(folder, durability="full")
        self._gallery = self._galleries.create("gallery", EmbeddingSpec("clusters-0", dim), by="benchmark")

    def count(self) -> int:
        return self._gallery.count()

    def add(self, begin: int, rows: Rows) -> None:
        self._gallery.upsert(entries(begin, rows), by="benchmark")

    def finish(self) -> None:
        pass

    def search(self, query: Rows, where: Where) -> list[int]:
        allowed = Filter(
            not_cameras=frozenset(f"c{camera}" for camera in where.not_cameras),
            since=FIRST + timedelta(seconds=where.since) if where.since else None,
        )
        (matches,) = self._gallery.search(query[None], k=K, where=allowed, by="benchmark")
        return [int(match.sighting.id[1:]) for match in matches]

    def close(self) -> None:
        self._galleries.close()
