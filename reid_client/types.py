"""What goes to the service and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Crop = bytes | Path | NDArray[np.uint8]
"""An encoded JPEG, PNG or WebP; a file of one; or RGB pixels (h, w, 3) uint8."""

Attributes = Mapping[str, str | int | float | bool]
Fusion = Literal["mean", "best"]


@dataclass(frozen=True, slots=True)
class Embeddings:
    """rows: (N, D) float32 of length 1, row i belongs to crop i; NaN where crop i was skipped.

    model_id: embeddings of different models must never be compared. skipped: places of crops that were no images."""

    rows: NDArray[np.float32]
    model_id: str
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A crop to enrol. id: unique in its gallery; the same id again replaces the entry, so a retry is safe.

    captured_at: with a time zone."""

    id: str
    camera_id: str
    captured_at: datetime
    person_id: str | None = None
    attributes: Attributes = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.captured_at.tzinfo is None:
            raise ValueError(f"captured_at of entry {self.id!r} is {self.captured_at}; it needs a time zone")

    def to_json(self) -> dict[str, Any]:
        """As the service takes it."""
        return {
            "id": self.id,
            "camera_id": self.camera_id,
            "captured_at": self.captured_at.isoformat(),
            "person_id": self.person_id,
            "attributes": dict(self.attributes),
        }


@dataclass(frozen=True, slots=True)
class Match:
    """One ranked answer. score: cosine. probability: of being the same person, None for a model without calibration."""

    id: str
    score: float
    probability: float | None
    person_id: str | None
    camera_id: str
    captured_at: datetime
    attributes: Attributes

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Match:
        """From the service's answer."""
        return cls(
            value["id"],
            value["score"],
            value["probability"],
            value["person_id"],
            value["camera_id"],
            datetime.fromisoformat(value["captured_at"]),
            value["attributes"],
        )


@dataclass(frozen=True, slots=True)
class Enrolled:
    """stored: entries that are durable now. created: of these, new ids. skipped: id -> why its crop was no image."""

    stored: int
    created: int
    skipped: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Search:
    """How to search. where: a filter such as {"cameras": ["c1"], "since": "2026-11-22T00:00:00Z"} (docs/service.md)."""

    gallery: str = "default"
    k: int = 10
    where: Mapping[str, Any] | None = None
    group_by_person: bool = False
    min_score: float | None = None
    rerank: bool = False
    fuse: Fusion | None = None

    def options(self) -> dict[str, Any]:
        """The options that differ from the service's defaults."""
        wish: dict[str, Any] = {"gallery": self.gallery, "k": self.k}
        if self.group_by_person:
            wish["group_by"] = "person"
        if self.min_score is not None:
            wish["min_score"] = self.min_score
        if self.rerank:
            wish["rerank"] = True
        if self.fuse:
            wish["fuse"] = self.fuse
        return wish


DEFAULT_SEARCH = Search()
Crops = Sequence[Crop]
