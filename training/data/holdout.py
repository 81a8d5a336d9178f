"""Identities kept out of training, to choose thresholds and calibrate on: never the test split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from training.data.records import DatasetError, Record

STARTED_FROM = "started from"
"""Before the name of a checkpoint: how a model says that it began as another, which may have seen anybody."""


def held_out(records: Sequence[Record], share: float) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """(kept, held out): all crops of about `share` of the persons are held out, the same ones every time.

    share: 0 to below 1. A person's number alone decides, so that adding others moves nobody; a larger share holds out
    those of a smaller one and more. Raises ValueError for another share, DatasetError where a side would be empty.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share of persons to hold out is {share}; allowed: 0 to below 1")
    out = {person for person in {record.person_id for record in records} if _position(person) < share}
    kept = tuple(record for record in records if record.person_id not in out)
    held = tuple(record for record in records if record.person_id in out)
    if share and not (kept and held):
        raise DatasetError(f"holding out {share:g} of the persons leaves {len(kept)} crops here and {len(held)} there")
    return kept, held


def _position(person: int) -> float:
    """A number in [0, 1) that looks drawn at random."""
    digest = hashlib.sha256(str(person).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def left_out(share: float) -> str:
    """How a model says that it was trained without these persons."""
    return f"without {share:g} of its persons"
