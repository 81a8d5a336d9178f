"""From a cosine to "how sure": a monotone map, and thresholds at chosen false-match rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reid_contract.errors import ContractError
from reid_contract.numbers import is_number


@dataclass(frozen=True, slots=True)
class Threshold:
    """The cosine above which a share `false_match_rate` of different-person pairs and a share `true_match_rate` of
    same-person pairs lie, on the validation pairs of the calibration. Rates in [0, 1], score in [-1, 1]."""

    false_match_rate: float
    true_match_rate: float
    score: float

    def __post_init__(self) -> None:
        for name, low in (("false_match_rate", 0.0), ("true_match_rate", 0.0), ("score", -1.0)):
            value = getattr(self, name)
            if not is_number(value) or not low <= value <= 1.0:
                raise ContractError(f"calibration threshold's {name} is {value!r}; allowed: a number from {low:g} to 1")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A piecewise linear, non-decreasing map from cosine to the probability that two crops show the same person.

    scores: at least two strictly increasing cosines. probabilities: as many, non-decreasing, in [0, 1].
    match_share: share of same-person pairs among the pairs it was fitted on; probabilities hold for that share.
    source: the data it was fitted on, in words.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    thresholds: tuple[Threshold, ...]
    match_share: float
    source: str

    def __post_init__(self) -> None:
        for name in ("scores", "probabilities"):
            values = getattr(self, name)
            if not isinstance(values, Sequence) or not all(map(is_number, values)):
                raise ContractError(f"calibration.{name} is {values!r}; allowed: a list of finite numbers")
            object.__setattr__(self, name, tuple(float(v) for v in values))
        object.__setattr__(self, "thresholds", tuple(_threshold(t) for t in self.thresholds))
        if len(self.scores) < 2 or len(self.scores) != len(self.probabilities):
            raise ContractError(
                f"calibration has {len(self.scores)} scores and {len(self.probabilities)} probabilities; "
                "allowed: as many of both, at least 2"
            )
        if any(b <= a for a, b in zip(self.scores, self.scores[1:], strict=False)):
            raise ContractError("calibration.scores must increase strictly")
        if any(b < a for a, b in zip(self.probabilities, self.probabilities[1:], strict=False)):
            raise ContractError("calibration.probabilities must not decrease")
        if not 0 <= self.probabilities[0] <= self.probabilities[-1] <= 1:
            raise ContractError("calibration.probabilities must lie between 0 and 1")
        if not isinstance(self.source, str):
            raise ContractError(f"calibration.source is {self.source!r}; allowed: some text")
        if not is_number(self.match_share) or not 0 < self.match_share < 1:
            raise ContractError(f"calibration.match_share is {self.match_share!r}; allowed: a number between 0 and 1")

    def probability(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Cosines of any shape to probabilities of the same shape, constant beyond the first and last knot."""
        return np.asarray(np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.probabilities))


def _threshold(value: Threshold | Mapping[str, Any]) -> Threshold:
    if isinstance(value, Threshold):
        return value
    try:
        return Threshold(**value)
    except TypeError as error:
        raise ContractError(
            f"calibration threshold {value!r} must have false_match_rate, true_match_rate and score"
        ) from error
