"""What goes out as JSON. The OpenAPI document is made of these; the routes write plain data of the same shape."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gallery_index.types import GalleryInfo, Match, Sighting


class Answer(BaseModel):
    """What the service sends."""

    model_config = ConfigDict(protected_namespaces=())


class CropError(Answer):
    """One crop that was skipped."""

    index: int = Field(description="Its place in the request, from 0.")
    detail: str


class EmbedAnswer(Answer):
    """Row i belongs to crop i; null where crop i was skipped."""

    model_id: str
    dim: int
    embeddings: list[list[float] | None]
    errors: list[CropError]


class EntryAnswer(Answer):
    """One entry of a gallery, without its embedding."""

    id: str
    person_id: str | None
    camera_id: str
    captured_at: datetime
    attributes: dict[str, Any]
    has_thumbnail: bool


class MatchAnswer(EntryAnswer):
    """One ranked answer."""

    score: float = Field(description="Cosine with the query, from -1 to 1.")
    probability: float | None = Field(description="That it is the same person; null for a model without calibration.")


class ResultAnswer(Answer):
    """The matches of one query, best first."""

    query: int = Field(description="Place of the crop or embedding in the request, from 0; 0 for a fused track.")
    matches: list[MatchAnswer]


class SearchAnswer(Answer):
    """One result per query."""

    gallery: str
    model_id: str
    results: list[ResultAnswer]
    errors: list[CropError]


class EnrolError(CropError):
    """One entry that was skipped."""

    id: str


class EnrolAnswer(Answer):
    """What is now durable in the gallery."""

    gallery: str
    enrolled: int = Field(description="Entries stored.")
    created: int = Field(description="Of these, ids that were new.")
    errors: list[EnrolError]


class PageAnswer(Answer):
    """Entries by id; `cursor` asks for the next page, null after the last."""

    entries: list[EntryAnswer]
    cursor: str | None


class CountAnswer(Answer):
    """How many entries a deletion found."""

    deleted: int


class GalleryAnswer(Answer):
    """A gallery at a glance."""

    name: str
    model_id: str
    dim: int
    entries: int
    persons: int
    cameras: dict[str, int] = Field(description="Entries per camera.")
    days: dict[str, int] = Field(description="Entries per UTC day.")
    retention_days: int | None


class GalleriesAnswer(Answer):
    """The galleries this key may see."""

    galleries: list[str]


class ExamplesAnswer(Answer):
    """Example queries for the search page."""

    examples: list[str] = Field(description="File names; GET /examples/{name} is the crop.")


class ProblemAnswer(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    index: int | None = Field(None, description="The crop at fault, from 0.")


def entry_answer(sighting: Sighting) -> dict[str, Any]:
    """An EntryAnswer as plain data, ready for orjson."""
    return {
        "id": sighting.id,
        "person_id": sighting.person_id,
        "camera_id": sighting.camera_id,
        "captured_at": sighting.captured_at,
        "attributes": dict(sighting.attributes),
        "has_thumbnail": sighting.has_thumbnail,
    }


def match_answer(match: Match, probability: float | None) -> dict[str, Any]:
    """A MatchAnswer as plain data."""
    return {**entry_answer(match.sighting), "score": match.score, "probability": probability}


def gallery_answer(info: GalleryInfo) -> dict[str, Any]:
    """A GalleryAnswer as plain data."""
    return {
        "name": info.name,
        "model_id": info.model_id,
        "dim": info.dim,
        "entries": info.entries,
        "persons": info.persons,
        "cameras": dict(info.cameras),
        "days": dict(info.days),
        "retention_days": info.retention_days,
    }


class ModelAnswer(Answer):
    """The served model's contract."""

    model_id: str
    dim: int
    metric: str
    calibration: dict[str, Any] | None
    preprocess: dict[str, Any]
    provenance: dict[str, Any]
    provider: str = Field(description="The execution provider that is really in use.")
    service_version: str
    limits: dict[str, int]
    store_thumbnails: bool


class StatusAnswer(Answer):
    """Of the process."""

    status: str
