"""The recipe of Partial-Duke (Sec. 4.1) for any data set: half of the crops are cut to their upper part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.altered.writer import Altered, WrapProgress, write_altered
from training.data.crops import read_crop
from training.data.records import Dataset, Record

KEPT = (1 / 2, 1 / 3)  # the upper half, and the upper third, of an equal number of crops each
_SPLITS = ("train", "query", "gallery")


def make_partial(
    dataset: Dataset, output: Path, *, seed: int, share: float = 0.5, progress: WrapProgress
) -> tuple[int, int]:
    """Writes the data set with `share` of each split's crops cut. Returns how many were cut, and of how many.

    The same seed cuts the same crops. Raises ValueError for a share outside (0, 1]; DatasetError.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of partial crops is {share}; allowed: above 0, up to 1")
    splits = [split for split in _SPLITS if getattr(dataset, split)]
    kept_of = {
        split: kept_shares(len(getattr(dataset, split)), share, (seed, _SPLITS.index(split))) for split in splits
    }

    def alter(split: str, index: int, record: Record) -> Altered | None:
        kept = kept_of[split][index]
        return None if kept == 1 else cut(record, kept)

    cut_crops = write_altered(
        dataset,
        splits,
        output,
        alter,
        columns=("kept_share", "kept_rows", "of_rows"),
        about={"made_by": "make-partial", "seed": seed, "share": share},
        progress=progress,
    )
    return cut_crops, sum(len(getattr(dataset, split)) for split in splits)


def kept_shares(count: int, share: float, seed: Sequence[int]) -> list[float]:
    """What is kept of each of `count` crops: 1, 1/2 or 1/3 of its height. round(count·share) are cut, of these half to
    the upper half and half (and an odd one) to the upper third."""
    chosen = np.random.default_rng(seed).permutation(count)[: round(count * share)]
    kept = [1.0] * count
    for place, index in enumerate(chosen):
        kept[index] = KEPT[0] if place < len(chosen) // 2 else KEPT[1]
    return kept


def cut(record: Record, kept: float) -> Altered:
    """The upper `kept` of a crop's height, at least one row."""
    image = read_crop(record.path)
    rows = max(1, round(image.height * kept))
    facts = {"kept_share": round(kept, 4), "kept_rows": rows, "of_rows": image.height}
    return Altered(image.crop((0, 0, image.width, rows)), facts)
