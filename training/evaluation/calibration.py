"""From cosines to "how sure": isotonic regression, thresholds at chosen false-match rates, and how well both hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from reid_contract import Calibration, Threshold
from training.evaluation.metrics import EvaluationError
from training.evaluation.pairs import BINS, PairHistogram

FALSE_MATCH_RATES = (1e-2, 1e-3, 1e-4)
_FALSE_MATCHES_NEEDED = 10  # a rate that fewer pairs decide on is noise
_TOLERANCE = 0.005  # of probability, given up for a map of few knots
FloatArray = NDArray[np.float64]


def fit(pairs: PairHistogram, *, match_share: float, source: str) -> Calibration:
    """Fits the non-decreasing map from cosine to probability that has the least squared error (PAV).

    match_share: share of same-person pairs the probabilities shall hold for, above 0 and below 1; pairs of each kind
    are weighted to it. source: the data, in words. Raises ValueError.
    No probability is 0 or 1: n pairs of a kind do not show that it is rarer than 1 in n + 2 (Laplace).
    """
    if not 0 < match_share < 1:
        raise ValueError(f"match_share is {match_share}; allowed: above 0 and below 1")
    weights = _weights(pairs, match_share)
    occupied = weights.sum(axis=0) > 0
    same, both, centres = weights[0][occupied], weights[:, occupied].sum(axis=0), pairs.centres[occupied]
    steps = isotonic_regression(same / both, weights=both)
    scores, probabilities = _steps(centres, np.asarray(steps.x), np.asarray(steps.blocks))
    doubt = 1 / (min(pairs.same.sum(), pairs.different.sum()) + 2)
    probabilities = probabilities.clip(doubt, 1 - doubt)
    kept = simplify(scores, probabilities, _TOLERANCE)
    return Calibration(
        scores=tuple(scores[kept].tolist()),
        probabilities=tuple(probabilities[kept].round(6).tolist()),
        thresholds=thresholds(pairs),
        match_share=match_share,
        source=source,
    )


def thresholds(pairs: PairHistogram, rates: Sequence[float] = FALSE_MATCH_RATES) -> tuple[Threshold, ...]:
    """The lowest cosine at which each false-match rate is kept, and the true-match rate there.

    A rate that fewer than ten different-person pairs would decide on is left out.
    """
    false_rate, true_rate, scores = roc(pairs)
    total = int(pairs.different.sum())
    found = []
    for rate in rates:
        if rate * total < _FALSE_MATCHES_NEEDED:
            continue
        at = int(np.argmax(false_rate <= rate))
        found.append(Threshold(rate, round(float(true_rate[at]), 5), round(float(scores[at]), 4)))
    return tuple(found)


def roc(pairs: PairHistogram) -> tuple[FloatArray, FloatArray, FloatArray]:
    """False-match rate, true-match rate and cosine, each (BINS + 1,): shares of pairs at or above that cosine."""

    def share_above(counts: NDArray[np.int64]) -> FloatArray:
        above = np.append(np.cumsum(counts[::-1])[::-1], 0)
        return np.asarray(above / counts.sum(), np.float64)

    edges = np.linspace(-1, 1, BINS + 1)
    return share_above(pairs.different), share_above(pairs.same), edges


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a map promised and what came true, on pairs it was not fitted on, in bins of promised probability.

    promised, found: (B,) mean promise and share of same-person pairs. share: (B,) of all pairs, summing to 1; empty
    bins are left out. error: the expected calibration error, sum of share × |promised − found|.
    """

    promised: FloatArray
    found: FloatArray
    share: FloatArray

    @property
    def error(self) -> float:
        """Expected calibration error, in [0, 1]."""
        return float((self.share * np.abs(self.promised - self.found)).sum())


def reliability(folds: Sequence[tuple[Calibration, PairHistogram]], *, bins: int = 15) -> Reliability:
    """Pools maps with the pairs that each was not fitted on, weighted to the map's match share."""
    promised, weights = [], []
    for calibration, pairs in folds:
        promised.append(calibration.probability(pairs.centres))
        weights.append(_weights(pairs, calibration.match_share))
    promise, weight = np.concatenate(promised), np.concatenate(weights, axis=1)
    where = np.minimum((promise * bins).astype(int), bins - 1)
    same = np.bincount(where, weight[0], bins)
    both = np.bincount(where, weight.sum(axis=0), bins)
    full = both > 0
    mean = np.bincount(where, promise * weight.sum(axis=0), bins)
    return Reliability(mean[full] / both[full], same[full] / both[full], both[full] / both.sum())


def simplify(x: FloatArray, y: FloatArray, tolerance: float) -> NDArray[np.intp]:
    """Positions of the knots to keep so that linear interpolation stays within `tolerance` of every y (Ramer, 1972,
    with vertical distances). x: (N,) increasing, N >= 2."""
    keep = {0, len(x) - 1}
    open_spans = [(0, len(x) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        inside = slice(first + 1, last)
        if first + 1 >= last:
            continue
        off = np.abs(y[inside] - np.interp(x[inside], x[[first, last]], y[[first, last]]))
        worst = first + 1 + int(off.argmax())
        if off.max() > tolerance:
            keep.add(worst)
            open_spans += [(first, worst), (worst, last)]
    return np.array(sorted(keep))


def _weights(pairs: PairHistogram, match_share: float) -> FloatArray:
    """(2, BINS): same-person pairs that sum to match_share, different-person pairs that sum to the rest."""
    return np.stack(
        [pairs.same / pairs.same.sum() * match_share, pairs.different / pairs.different.sum() * (1 - match_share)]
    )


def _steps(centres: FloatArray, values: FloatArray, blocks: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """PAV's steps as points to interpolate between: each block's first and last cosine, both at the block's value.

    Block centres would be fewer and smoother, but a block of one odd pair would bend the map over its whole neighbour.
    """
    ends = np.unique(np.concatenate([blocks[:-1], blocks[1:] - 1]))
    rounded = centres[ends].round(5)
    distinct = np.append(True, np.diff(rounded) > 0)
    if distinct.sum() < 2:
        raise EvaluationError(f"all pairs have the cosine {rounded[0]}; nothing to calibrate with")
    return rounded[distinct], values[ends][distinct]
