"""What goes into a gallery and what comes out: small frozen types with stated shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

AttributeValue = str | int | float | bool
Attributes = Mapping[str, AttributeValue]
Fusion = Literal["mean", "best"]
Embedding = NDArray[np.float32]

NO_ATTRIBUTES: Attributes = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one crop, without its embedding.

    id: 1 to 256 characters, unique in its gallery. captured_at: with a time zone. attributes: flat, JSON scalars.
    """

    id: str
    camera_id: str
    captured_at: datetime
    person_id: str | None = None
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    has_thumbnail: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One crop as it is enrolled: embedding (D,) float32 of length 1, thumbnail a small JPEG where storing is on."""

    id: str
    camera_id: str
    captured_at: datetime
    embedding: Embedding
    person_id: str | None = None
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries may be answered. Every part that is given must hold; an empty filter allows all.

    cameras, persons: the entry's is one of these (None: any). not_cameras, not_persons: it is none of these; an entry
    without a person passes not_persons. since, until: since <= captured_at < until. attributes: each equals.
    """

    cameras: frozenset[str] | None = None
    not_cameras: frozenset[str] = frozenset()
    persons: frozenset[str] | None = None
    not_persons: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: a sighting and its cosine with the query, in [-1, 1]. A search returns them best first."""

    sighting: Sighting
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    """Sightings in the order of their ids; `cursor` asks for the next page, None after the last."""

    sightings: tuple[Sighting, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """A gallery at a glance. days: entries per UTC day ("2026-11-22"), cameras: entries per camera."""

    name: str
    model_id: str
    dim: int
    entries: int
    persons: int
    cameras: Mapping[str, int]
    days: Mapping[str, int]
    retention_days: int | None
