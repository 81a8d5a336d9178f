"""Compares a data set on disk with the counts its paper gives (Table 1): a half-unpacked archive shows here."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

from training.data.records import DISTRACTOR, Record


class CountMismatch(UserWarning):
    """There are more or fewer images or persons than published; figures do not compare with published ones."""


class Counts(NamedTuple):
    """Persons (distractors and junk are none) and images (all that are published, junk too)."""

    persons: int
    images: int

    @classmethod
    def of(cls, records: Sequence[Record]) -> Counts:
        """Counts what is there."""
        return cls(len({r.person_id for r in records if r.person_id > DISTRACTOR}), len(records))


def check_counts(title: str, split: str, records: Sequence[Record], published: Counts) -> None:
    """Warns with both numbers where the split is not what was published."""
    found = Counts.of(records)
    if found != published:
        warnings.warn(
            f"{title}: {split} has {found.persons:,} persons and {found.images:,} images; published: "
            f"{published.persons:,} persons and {published.images:,} images",
            CountMismatch,
            stacklevel=3,
        )
