"""A data set whose query crops are partly hidden: how well a model finds people whom something stands in front of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from training.data.altered.occluders import Covered, Occluder
from training.data.altered.writer import Altered, WrapProgress, write_altered
from training.data.crops import read_crop
from training.data.records import Dataset, DatasetError, Record

_ATTEMPTS = 10  # an object that stands half outside covers less than intended; another is tried


def make_occluded(
    dataset: Dataset,
    output: Path,
    occluder: Occluder,
    *,
    occluders: str,
    cover: tuple[float, float],
    seed: int,
    progress: WrapProgress,
) -> float:
    """Writes the data set with every query crop covered; the gallery stays as it is, training crops are left out.

    occluders: their kind, in words, for dataset.json. cover: smallest and largest share of a crop that is hidden, each
    as likely as any between. The manifest states the share and the occluder of each crop. The same seed gives the same
    pixels. Returns the mean share. Raises ValueError, DatasetError.
    """
    low, high = cover
    if not 0 < low <= high < 1:
        raise ValueError(f"the covered share is {low:g} to {high:g}; allowed: 0 < LOW <= HIGH < 1")
    if not dataset.query:
        raise DatasetError(f"{dataset.name} has no query crops to cover")
    shares = []

    def alter(split: str, index: int, record: Record) -> Altered | None:
        if split != "query":
            return None
        covered = cover_crop(record, occluder, cover, np.random.default_rng((seed, index)))
        shares.append(float(covered.hidden.mean()))
        facts: dict[str, str | float] = {"hidden_share": round(shares[-1], 4), "occluder": covered.what}
        return Altered(Image.fromarray(covered.pixels), facts)

    write_altered(
        dataset,
        ("query", "gallery"),
        output,
        alter,
        columns=("hidden_share", "occluder"),
        about={"made_by": "make-occluded", "seed": seed, "occluders": occluders, "hidden_share": list(cover)},
        progress=progress,
    )
    return float(np.mean(shares))


def cover_crop(record: Record, occluder: Occluder, cover: tuple[float, float], rng: np.random.Generator) -> Covered:
    """Covers a crop by a share between the two of `cover`; the nearest of many attempts where none falls between."""
    pixels = np.asarray(read_crop(record.path))
    low, high = cover
    target = float(rng.uniform(low, high))
    attempts = []
    for _ in range(_ATTEMPTS):
        covered = occluder(pixels, record.person_id, target, rng)
        share = float(covered.hidden.mean())
        if low <= share <= high:
            return covered
        attempts.append((abs(share - target), covered))
    return min(attempts, key=lambda attempt: attempt[0])[1]
