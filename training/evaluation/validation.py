"""Calibrates a model on a data set, with an honest account of what was calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reid_contract import Calibration
from training.data.holdout import STARTED_FROM, held_out, left_out
from training.data.records import Dataset, Record
from training.evaluation.calibration import Reliability, fit, reliability
from training.evaluation.evaluation import Embedded
from training.evaluation.metrics import EvaluationError, Labels
from training.evaluation.pairs import PairHistogram, count_pairs

Split = Literal["train", "test"]
SEEN_IN_TRAINING = "which the model was trained on: too sure of itself with new persons"
UNCONFIRMED = "which the model does not confirm"
NOT_INDEPENDENT = "which then says nothing independent any more"


@dataclass(frozen=True, slots=True)
class Validated:
    """A calibration, the pairs it was fitted on, and how well its kind holds on persons it has not seen."""

    calibration: Calibration
    pairs: PairHistogram
    held: Reliability


@dataclass(frozen=True, slots=True)
class ValidationSplit:
    """records: to pair up. source: what they are, in words that stay in the exported file."""

    records: tuple[Record, ...]
    source: str


def validation_split(dataset: Dataset, split: Split, share: float | None, trained_on: str) -> ValidationSplit:
    """The crops to calibrate on: the training persons that `fit --hold_out SHARE` left out, all of them where `share`
    is None, or the test split. trained_on: what the model says of its training data, for the account.
    Raises EvaluationError, DatasetError, ValueError."""
    if split == "test":
        if share is not None:
            raise ValueError("--held-out is a share of the training persons; it does not go with --split test")
        return _described(dataset, dataset.query + dataset.gallery, f"test split, {NOT_INDEPENDENT}")
    if share is not None:
        confirmed = left_out(share) in trained_on and STARTED_FROM not in trained_on
        doubt = "" if confirmed else f", {UNCONFIRMED}"
        which = f"training split, held-out persons ({share:g}){doubt}"
        return _described(dataset, held_out(dataset.train, share)[1], which)
    seen = f", {SEEN_IN_TRAINING}" if _people(dataset.name) in _people(trained_on) else ""
    return _described(dataset, dataset.train, f"training split, all persons{seen}")


def _people(text: str) -> str:
    """Market-1501 and market1501 are one data set, and all that is made of DukeMTMC shows the same people."""
    letters = "".join(filter(str.isalnum, text.lower()))
    return "duke" if "duke" in letters else letters


def calibrate(embedded: Embedded, *, match_share: float, source: str) -> Validated:
    """Fits on all pairs. How well it holds is measured with two maps, each fitted on half of the persons and tried on
    pairs of the other half. Raises EvaluationError where a half has no pairs."""
    features, labels = embedded.features, embedded.labels
    first = _first_half(labels)
    halves = [_pairs(features, labels, first), _pairs(features, labels, ~first)]
    maps = [fit(half, match_share=match_share, source=source) for half in halves]
    held = reliability([(maps[0], halves[1]), (maps[1], halves[0])])
    pairs = count_pairs(features, labels)
    return Validated(fit(pairs, match_share=match_share, source=source), pairs, held)


def _first_half(labels: Labels) -> NDArray[np.bool_]:
    persons = np.unique(labels.ids)
    if len(persons) < 4:
        raise EvaluationError(f"there are {len(persons)} persons to calibrate on; needed: at least 4")
    return np.isin(labels.ids, persons[::2])


def _pairs(features: NDArray[np.float32], labels: Labels, chosen: NDArray[np.bool_]) -> PairHistogram:
    return count_pairs(features[chosen], Labels(labels.ids[chosen], labels.cameras[chosen]))


def _described(dataset: Dataset, records: Sequence[Record], which: str) -> ValidationSplit:
    if not records:
        raise EvaluationError(f"data set {dataset.name!r} has no crops in its {which.split(',', maxsplit=1)[0]}")
    persons = len({record.person_id for record in records if record.person_id > 0})
    drawn = ", synthetic" if dataset.synthetic else ""
    return ValidationSplit(tuple(records), f"{dataset.name}{drawn}: {which}; {persons} persons, {len(records)} crops")
