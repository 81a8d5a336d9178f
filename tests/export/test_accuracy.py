"""What the accuracy check compares, and when it fails."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from export.accuracy import Accuracy, check_accuracy, part_of
from export.verify import VerificationFailed
from training.data.records import DISTRACTOR, Dataset, Record
from training.evaluation.metrics import Metrics

GOOD = Metrics(rank1=90, rank3=95, rank5=96, rank10=98, mAP=80, mINP=50, queries=100, gallery=1000)


def dataset(persons: int) -> Dataset:
    query = tuple(Record(Path(f"q{p}.jpg"), p, 1) for p in range(1, persons + 1))
    gallery = tuple(Record(Path(f"g{p}-{i}.jpg"), p, 2) for p in range(persons + 1) for i in range(3))
    return Dataset("drawn", (), query, gallery, "none")


@pytest.mark.parametrize("wanted", [2, 7, 30])
def test_a_part_holds_so_many_persons_and_all_their_crops(wanted):
    part = part_of(dataset(30), wanted)
    persons = {record.person_id for record in part.query}
    assert len(persons) == wanted
    assert {record.person_id for record in part.gallery} == persons - {DISTRACTOR}
    assert len(part.gallery) == 3 * len(persons)


def test_all_of_it_is_all_of_it():
    assert part_of(dataset(5), None) == dataset(5)


def test_a_figure_that_is_no_number_fails():
    with pytest.raises(VerificationFailed, match="mAP loses nan points"):
        check_accuracy(Accuracy(GOOD, dataclasses.replace(GOOD, mAP=float("nan"))), "fp32")


@pytest.mark.parametrize("wanted", [1, 6])
def test_one_person_is_no_test_and_more_than_there_are_would_be_a_false_figure(wanted):
    with pytest.raises(ValueError, match=f"--identities is {wanted}; allowed: 2 to 5"):
        part_of(dataset(5), wanted)


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", 0.05), ("fp16", 0.1), ("int8", 0.5)])
@pytest.mark.parametrize("figure", ["mAP", "rank1"])
def test_a_loss_beyond_what_the_precision_allows_fails(precision, allowed, figure):
    def with_loss(points: float) -> Accuracy:
        return Accuracy(GOOD, dataclasses.replace(GOOD, **{figure: getattr(GOOD, figure) - points}))

    check_accuracy(with_loss(allowed - 0.01), precision)
    check_accuracy(with_loss(-5), precision)
    check_accuracy(with_loss(3), precision, allowed=4)
    with pytest.raises(VerificationFailed, match=rf"{figure} loses {allowed + 0.01:.2f} points"):
        check_accuracy(with_loss(allowed + 0.01), precision)
