"""Our own gallery as the service uses it, filled with crops of persons among whom the queries' persons are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.gallery.clusters import CROPS, entries
from benchmarks.pose_at_test.matching import TOP, Array, unit
from gallery_index import Match
from gallery_index.directory import EmbeddedGalleries
from reid_contract import EmbeddingSpec

NOISE = 0.8  # of a crop against its person's centre, as in benchmarks/gallery: two crops' cosine is about 0.6
_BATCH = 1024


class OurGallery:
    """A directory with `count` crops of dimension D, 20 of each person. The queries, (Q, D), are persons' centres.

    Unlike a plain scan, the two-stage search of gallery_index is as fast as neighbours are near, so random vectors
    would not do. bytes_per_entry: of one embedding; the codes that must stay in memory take a thirty-second of it.
    """

    def __init__(self, count: int, queries: Array) -> None:
        dim = queries.shape[1]
        self.bytes_per_entry = 4 * dim
        self._folder = tempfile.TemporaryDirectory()
        self._galleries = EmbeddedGalleries(Path(self._folder.name), durability="process")
        self._gallery = self._galleries.create("benchmark", EmbeddingSpec("drawn-people-0", dim), by="benchmark")
        rng = np.random.default_rng(0)
        centres = rng.standard_normal((-(-count // CROPS), dim), dtype=np.float32)
        centres[: len(queries)] = queries * np.sqrt(np.float32(dim))
        for begin in range(0, count, _BATCH):
            persons = np.arange(begin, min(begin + _BATCH, count)) // CROPS
            noise = rng.standard_normal((len(persons), dim), dtype=np.float32)
            rows = unit(centres[persons] + np.float32(NOISE) * noise)
            self._gallery.upsert(entries(begin, rows), by="benchmark")

    def search(self, *query: Array) -> list[list[Match]]:
        """With all that a search of the service does: who asked is written down, metadata is read."""
        return self._gallery.search(query[0], k=TOP, by="benchmark")

    def close(self) -> None:
        """Gives the directory back."""
        self._galleries.close()
        self._folder.cleanup()
