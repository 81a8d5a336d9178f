"""Embeddings as a re-ID model makes them: clusters of one identity's crops. Chunk by chunk, always the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from gallery_index import Embedding, Entry

CHUNK = 20_000  # entries of one chunk; a whole number of identities
CROPS = 20  # of one identity
CAMERAS = 8
FIRST = datetime(2026, 1, 1, tzinfo=UTC)

_NOISE = 0.8  # of a crop against its identity's centre; two crops of one identity have a cosine of about 0.6


def chunk(number: int, dim: int) -> Embedding:
    """(CHUNK, dim) float32 of length 1."""
    rng = np.random.default_rng((number, dim))
    centres = rng.standard_normal((CHUNK // CROPS, dim), dtype=np.float32)
    rows = np.repeat(centres, CROPS, axis=0)
    rows += np.float32(_NOISE) * rng.standard_normal(rows.shape, dtype=np.float32)
    return _unit(rows)


def queries(chunks: int, dim: int, count: int) -> Embedding:
    """(count, dim): new crops of identities that are enrolled, spread over the chunks."""
    rng = np.random.default_rng((chunks, dim, count))
    rows = np.empty((count, dim), np.float32)
    for i in range(count):
        centres = np.random.default_rng((i % chunks, dim)).standard_normal((CHUNK // CROPS, dim), dtype=np.float32)
        rows[i] = centres[rng.integers(len(centres))] + np.float32(_NOISE) * rng.standard_normal(dim, dtype=np.float32)
    return _unit(rows)


def entries(begin: int, rows: Embedding) -> list[Entry]:
    """Entry number n: camera n mod 8, second n, identity n // 20, and attributes that some filters allow."""
    return [
        Entry(
            id=f"e{n:08d}",
            camera_id=f"c{n % CAMERAS}",
            captured_at=FIRST + timedelta(seconds=n),
            embedding=row,
            person_id=f"p{n // CROPS}",
            attributes={"thousandth": n % 1000},
        )
        for n, row in enumerate(rows, begin)
    ]


def _unit(rows: Embedding) -> Embedding:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
