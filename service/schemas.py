"""What comes in as JSON, with every bound. The OpenAPI document is made of these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    Json,
    SkipValidation,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from gallery_index.types import Filter

MAX_K = 100_000
MAX_ATTRIBUTES = 64
MAX_LISTED = 10_000
_MAX_FIELDS = 64
GALLERY_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,63}$"


def _instant(value: object) -> datetime:
    """RFC 3339 text with a zone, as UTC; numbers are refused, because nobody can tell seconds from milliseconds."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = datetime.fromisoformat(value)
    else:
        raise ValueError("must be text such as '2026-11-22T10:15:00Z'")
    if moment.tzinfo is None:
        raise ValueError("needs a time zone, e.g. '2026-11-22T10:15:00Z'")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


def _few(value: object) -> object:
    """Every field that is not known would be an error of its own: a million of them are not looked at."""
    if isinstance(value, dict) and len(value) > _MAX_FIELDS:
        raise ValueError(f"has {len(value)} fields; allowed: at most {_MAX_FIELDS}")
    return value


def _not_dots(value: str) -> str:
    if value in {".", ".."}:
        raise ValueError("'.' and '..' cannot be part of a web address")
    return value


Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
EntryId = Annotated[
    str, Field(min_length=1, max_length=256, pattern=r"^[^/\x00-\x1f\x7f]+$"), AfterValidator(_not_dots)
]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Attribute = StrictBool | StrictInt | FiniteFloat | Annotated[StrictStr, Field(max_length=256)]
Attributes = Annotated[dict[Name, Attribute], Field(max_length=MAX_ATTRIBUTES), BeforeValidator(_few)]
Names = Annotated[list[Name], Field(max_length=MAX_LISTED, fail_fast=True)]
NamesInAddress = Annotated[list[Name], Field(max_length=32)]  # an address has 64 KiB at most
Images = Annotated[list[str], Field(max_length=MAX_LISTED, fail_fast=True)]
OnError = Literal["fail", "skip"]
Vector = Annotated[list[float], SkipValidation]


class Strict(BaseModel):
    """Fields that are not known are an error: an option that is silently ignored is worse."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: object) -> object:
        return _few(value)


class FilterBody(Strict):
    """Which entries may be answered; every part that is given must hold."""

    cameras: Names | None = Field(None, description="The entry's camera is one of these.")
    not_cameras: Names = Field([], description="The entry's camera is none of these.")
    persons: Names | None = Field(None, description="The entry's person is one of these.")
    not_persons: Names = Field([], description="The entry's person is none of these.")
    since: Instant | None = Field(None, description="captured_at is this or later.")
    until: Instant | None = Field(None, description="captured_at is earlier than this.")
    attributes: Attributes = Field({}, description="Each of these attributes has exactly this value.")

    def to_filter(self) -> Filter:
        """The gallery's own type."""
        return Filter(
            cameras=None if self.cameras is None else frozenset(self.cameras),
            not_cameras=frozenset(self.not_cameras),
            persons=None if self.persons is None else frozenset(self.persons),
            not_persons=frozenset(self.not_persons),
            since=self.since,
            until=self.until,
            attributes=self.attributes,
        )


class EmbedQuery(Strict):
    """The query parameters of routes that take crops, beside image bodies."""

    on_error: OnError = Field("fail", description="What one bad crop does: 'fail' the request, or 'skip' the crop.")


class EmbedBody(Strict):
    """POST /embed as JSON."""

    images: Images = Field(description="JPEG, PNG or WebP crops, base64.")
    on_error: OnError = Field("fail", description="What one bad crop does: 'fail' the request, or 'skip' the crop.")


class SearchOptions(Strict):
    """How to search; query parameters for image bodies, fields of the object for JSON bodies."""

    gallery: str = Field("default", description="Name of the gallery.")
    k: int = Field(
        10, ge=1, le=MAX_K, description="Matches per query at most; the service's own limit is in GET /model."
    )
    group_by: Literal["person"] | None = Field(None, description="'person': the best match of each person only.")
    min_score: float = Field(-1.0, ge=-1, le=1, description="Matches below this cosine are left out.")
    rerank: bool = Field(
        False, description="k-reciprocal re-ranking of the top 200; scores stay cosines. With it k is 200 at most."
    )
    fuse: Literal["mean", "best"] | None = Field(
        None, description="All crops show one track: 'mean' searches their mean, 'best' takes each entry's best score."
    )
    on_error: OnError = Field("fail", description="What one bad crop does: 'fail' the request, or 'skip' the crop.")


class SearchQuery(SearchOptions):
    """The query parameters of POST /search."""

    filter: Json[FilterBody] | None = Field(None, description="A filter as JSON text.")

    def where(self) -> Filter:
        return self.filter.to_filter() if self.filter else Filter()


class SearchBody(SearchOptions):
    """POST /search as JSON: exactly one of `images`, `embeddings` and `like`."""

    images: Images | None = Field(None, description="JPEG, PNG or WebP crops, base64.")
    embeddings: Annotated[list[list[float]], SkipValidation] | None = Field(
        None, description="Rows of an /embed answer."
    )
    like: EntryId | None = Field(None, description="More like this entry of the gallery; it is left out itself.")
    model_id: str | None = Field(None, description="Which model made the embeddings; another than the served is a 409.")
    filter: FilterBody | None = Field(None, description="Which entries may be answered.")

    def where(self) -> Filter:
        return self.filter.to_filter() if self.filter else Filter()


class EntryMeta(Strict):
    """What is known of a crop, apart from its pixels."""

    camera_id: Name = Field(description="The camera that saw it.")
    captured_at: Instant = Field(description="When, RFC 3339 with a time zone.")
    person_id: Name | None = Field(None, description="Who it is, where that is known.")
    attributes: Attributes = Field({}, description="Flat: text, numbers and booleans by name.")


class EntryBody(EntryMeta):
    """PUT of one entry as JSON: with an `image` or an `embedding`."""

    image: str | None = Field(None, description="JPEG, PNG or WebP crop, base64.")
    embedding: Vector | None = Field(None, description="A row of an /embed answer.")
    model_id: str | None = Field(None, description="Which model made the embedding; another than the served is a 409.")


class NamedEntryMeta(EntryMeta):
    """What is known of a crop whose pixels travel beside it."""

    id: EntryId = Field(description="Unique in its gallery; the same id again replaces the entry.")


class NamedEntryBody(EntryBody, NamedEntryMeta):
    """One entry of a POST as JSON."""


class EnrolBody(Strict):
    """POST of entries as JSON."""

    entries: Annotated[list[NamedEntryBody], Field(max_length=MAX_LISTED, fail_fast=True)]
    on_error: OnError = Field("fail", description="What one bad crop does: 'fail' the request, or 'skip' its entry.")


class EntriesQuery(Strict):
    """Which entries to look at or to erase, as query parameters; every part that is given must hold."""

    camera_id: NamesInAddress | None = Field(None, description="Of these cameras.")
    person_id: NamesInAddress | None = Field(None, description="Of these persons.")
    since: Instant | None = Field(None, description="captured_at is this or later.")
    until: Instant | None = Field(None, description="captured_at is earlier than this.")

    def where(self) -> Filter:
        """The gallery's own type."""
        cameras, persons = (frozenset(names) if names else None for names in (self.camera_id, self.person_id))
        return Filter(cameras=cameras, persons=persons, since=self.since, until=self.until)


class PageQuery(EntriesQuery):
    """The query parameters of a page of entries."""

    cursor: str | None = Field(None, max_length=1024, description="Of the page before.")
    limit: int = Field(100, ge=1, le=1000, description="Entries on one page at most.")


class GalleryBody(Strict):
    """PUT of a gallery."""

    retention_days: Annotated[StrictInt, Field(ge=1, le=36500)] | None = Field(
        default=None, description="Entries captured longer ago are erased; null keeps them."
    )
