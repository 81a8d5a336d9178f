"""The deep check: every invariant of a gallery's files, read as they are, before opening would repair anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gallery_index import snapshot
from gallery_index.coarse import Coarse
from gallery_index.errors import StorageFailed
from gallery_index.progress import Progress, no_progress
from gallery_index.rotation import rotated
from gallery_index.scan import Mask
from gallery_index.shard import SHARD, Shard
from gallery_index.storage import VECTORS
from gallery_index.store import FILE, Store
from gallery_index.vectors import VectorFile

_LENGTH_TOLERANCE = 1e-3
_CHUNK = 4_096  # slots


def verify(directory: Path, progress: Progress = no_progress) -> list[str]:
    """What is wrong with the gallery in `directory`; empty if all is well. Nobody may have it open.

    SQLite's own check, its tables against each other, every embedding's checksum and length, zeros in every slot that
    is not in use, and every code of the snapshot against the embedding that it stands for.
    """
    try:
        store = Store(directory / FILE, "full")
    except StorageFailed as error:
        return [str(error)]
    vectors = VectorFile(directory / VECTORS, store.embedding().dim)
    try:
        found = store.complaints()
        try:
            vectors.require(max((slot for slot, _ in store.checksums()), default=-1) + 1)
        except StorageFailed as error:
            return [*found, str(error)]
        return [*found, *_check_vectors(store, vectors, progress), *_check_snapshot(directory, store, vectors)]
    finally:
        vectors.close()
        store.db.close()


def _check_vectors(store: Store, vectors: VectorFile, progress: Progress) -> list[str]:
    found = []
    expected = dict(store.checksums())
    for begin in range(0, vectors.capacity, _CHUNK):
        rows = vectors.rows[begin : begin + _CHUNK]
        lengths = np.linalg.norm(rows, axis=1)
        for slot, length in enumerate(lengths.tolist(), begin):
            if slot not in expected:
                if length != 0:
                    found.append(f"slot {slot} is not in use but not zero; it is wiped when the gallery is opened")
            elif vectors.checksum(slot) != expected[slot]:
                found.append(f"the embedding in slot {slot} does not have the checksum that SQLite knows")
            elif abs(length - 1) > _LENGTH_TOLERANCE:
                found.append(f"the embedding in slot {slot} has length {length:.4g}")
        progress(min(begin + _CHUNK, vectors.capacity), vectors.capacity)
    return found


def _check_snapshot(directory: Path, store: Store, vectors: VectorFile) -> list[str]:
    path = directory / snapshot.FILE
    if not path.exists():
        return []
    coarse = Coarse(vectors.dim, 1)
    try:
        seq = snapshot.load(path, store.embedding(), coarse, store.seq())
    except snapshot.Unusable as error:
        return [f"{error}; it is rebuilt when the gallery is opened"]
    finally:
        coarse.close()
    current = np.zeros(max(coarse.slots(), vectors.capacity), bool)
    current[[slot for slot, _ in store.checksums()]] = True
    current[store.changed_since(seq)] = False
    return [
        f"shard {i} of the snapshot does not hold the codes of its embeddings"
        for i, shard in enumerate(coarse.shards)
        if not _same_codes(shard, current[i * SHARD :][: shard.slots], vectors, i * SHARD)
    ]


def _same_codes(shard: Shard, current: Mask, vectors: VectorFile, at: int) -> bool:
    """Compares what has not changed since; the rest is made the same first."""
    anew = Shard(vectors.dim, shard.centre, shard.codes)
    positions = np.flatnonzero(current)
    for begin in range(0, len(positions), _CHUNK):
        part = positions[begin : begin + _CHUNK]
        anew.put(part, rotated(vectors.rows[part + at]))
    for either in (shard, anew):
        either.wipe(np.flatnonzero(~current))
    return np.array_equal(shard.codes, anew.codes)
