"""Cosines of all pairs of crops, counted in fine bins: 80 million pairs fit in two short arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import BLOCK, EvaluationError, Labels, l2_normalised

BINS = 20_000  # 0.0001 of a cosine each, far below what a threshold can be known to
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairHistogram:
    """same, different: (BINS,) int64, how many pairs of one person, of two persons, have a cosine in each bin of
    [-1, 1]. Two histograms add up."""

    same: Counts
    different: Counts

    @property
    def centres(self) -> NDArray[np.float64]:
        """(BINS,) the cosine in the middle of each bin."""
        return (np.arange(BINS) + 0.5) / BINS * 2 - 1

    def __add__(self, other: PairHistogram) -> PairHistogram:
        return PairHistogram(self.same + other.same, self.different + other.different)


def count_pairs(features: NDArray[np.float32], labels: Labels, *, block: int = BLOCK) -> PairHistogram:
    """Counts every pair of crops from two different cameras once, as `/search` meets them.

    features: (N, D). Crops of nobody (person 0) pair up with nobody's crops neither as same nor as different.
    Raises EvaluationError where there is no pair of one kind.
    """
    features = l2_normalised(features, "calibration")
    if len(features) != len(labels.ids):
        raise EvaluationError(f"there are {len(features)} features and {len(labels.ids)} labels")
    same, different = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    columns = np.arange(len(features))
    for start in range(0, len(features), block):
        part = slice(start, start + block)
        counts = (features[part] @ features.T + 1) * (BINS / 2)
        bins = np.clip(counts.astype(np.int32), 0, BINS - 1)
        usable = (columns > columns[part, None]) & (labels.cameras != labels.cameras[part, None])
        usable &= (labels.ids > 0) | (labels.ids[part, None] > 0)
        matches = labels.ids == labels.ids[part, None]
        same += np.bincount(bins[usable & matches], minlength=BINS)
        different += np.bincount(bins[usable & ~matches], minlength=BINS)
    for name, counted in (("one person", same), ("two persons", different)):
        if not counted.any():
            raise EvaluationError(f"there is no pair of {name} seen by two cameras; nothing to calibrate with")
    return PairHistogram(same, different)
