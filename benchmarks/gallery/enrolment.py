"""Fills a gallery with identity clusters, durably."""

from __future__ import annotations

import statistics
from pathlib import Path

from rich.progress import track

from benchmarks.gallery.clusters import CHUNK, chunk, entries
from benchmarks.stopwatch import seconds
from gallery_index.directory import EmbeddedGalleries
from reid_contract import EmbeddingSpec

BATCH = 256


def enrol(directory: Path, dim: int, wanted: int) -> float | None:
    """Durably; returns the median rate over the chunks, in entries a second; None where all were there."""
    galleries = EmbeddedGalleries(directory, durability="full")
    gallery = galleries.create("bench", EmbeddingSpec("clusters-0", dim), by="benchmark")
    done = gallery.count()
    rates = []
    for number in track(range(done // CHUNK, wanted // CHUNK), "enrolling"):
        rows = chunk(number, dim)
        batches = [entries(number * CHUNK + b, rows[b : b + BATCH]) for b in range(0, CHUNK, BATCH)]
        took = seconds(lambda batches=batches: [gallery.upsert(batch, by="benchmark") for batch in batches])
        rates.append(CHUNK / took)
    galleries.close()
    return round(statistics.median(rates)) if rates else None
