"""Enrolment bodies taken apart: crops or embeddings, each beside what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from gallery_index.types import Entry
from service import framing
from service.bodies import (
    FORM,
    IMAGE_TYPES,
    JSON,
    base64_crop,
    form_images,
    form_of,
    json_alone,
    json_value,
    media_type,
    some,
    validated,
    vectors,
)
from service.errors import BadRequest, BodyTooLarge, UnsupportedBody, WrongModel
from service.pipeline import Crop, Embedded
from service.schemas import EnrolBody, EntryBody, EntryMeta, NamedEntryMeta, OnError
from service.services import Services


@dataclass(slots=True)
class Enrolment:
    """One request: ids and what is known of them, in the order sent.

    crops, rows: by place, the encoded crop or the embedding (D,) the caller gave; each place has one of them."""

    ids: list[str]
    known: list[EntryMeta]
    on_error: OnError = "fail"
    crops: dict[int, Crop] = field(default_factory=dict)
    rows: dict[int, NDArray[np.float32]] = field(default_factory=dict)


def many(request: Request, body: bytes, on_error: OnError, svc: Services) -> Enrolment:
    """The body of POST …/entries. Raises BadRequest, BodyTooLarge, UnsupportedBody, WrongModel."""
    limit, kind = svc.settings.max_crops, media_type(request)
    if kind == JSON:
        wish = json_alone(request, body, EnrolBody)
        enrolment = _from_json([(entry.id, entry) for entry in wish.entries], wish.on_error, svc)
    elif kind == FORM:
        parts = form_of(request, body, limit)
        listed = [part.content for part in parts if part.name == "entries"]
        if len(listed) != 1:
            raise BadRequest(f"the form must have one field 'entries' (JSON); it has {len(listed)}")
        enrolment = _beside(listed[0], form_images(parts, limit, ["entries"]), on_error, limit)
    elif kind == framing.MEDIA_TYPE:
        blocks = framing.split(body, max_blocks=limit + 1)
        if not blocks:
            raise BadRequest("the first block must be the entries as JSON; the body is empty")
        enrolment = _beside(blocks[0], some(blocks[1:], limit), on_error, limit)
    else:
        raise UnsupportedBody(
            f"the content type is {kind or 'missing'}; allowed: {', '.join((JSON, FORM, framing.MEDIA_TYPE))}"
        )
    if repeated := sorted({i for i in enrolment.ids if enrolment.ids.count(i) > 1}):
        raise BadRequest(f"the id {repeated[0]!r} appears more than once in one request")
    return enrolment


def one(request: Request, entry_id: str, body: bytes, svc: Services) -> Enrolment:
    """The body of PUT …/entries/{id}: JSON, or one raw image with what is known of it as query parameters."""
    kind = media_type(request)
    if kind == JSON:
        return _from_json([(entry_id, json_alone(request, body, EntryBody))], "fail", svc)
    if kind in IMAGE_TYPES:
        fields: dict[str, Any] = dict(request.query_params)
        if "attributes" in fields:
            fields["attributes"] = json_value(fields["attributes"].encode(), "attributes")
        return Enrolment([entry_id], [validated(fields, EntryMeta)], crops={0: body})
    raise UnsupportedBody(f"the content type is {kind or 'missing'}; allowed: {', '.join((JSON, *IMAGE_TYPES))}")


def entries(enrolment: Enrolment, embedded: Embedded | None) -> list[Entry]:
    """What the gallery stores: every place whose crop was not skipped."""
    rows, thumbnails = dict(enrolment.rows), dict[int, bytes]()
    if embedded is not None:
        places = list(enrolment.crops)
        rows |= {places[i]: embedded.rows[i] for i in embedded.good}
        thumbnails = {places[i]: small for i, small in embedded.thumbnails.items()}
    return [_entry(enrolment, i, rows[i], thumbnails.get(i)) for i in sorted(rows)]


def _entry(enrolment: Enrolment, place: int, row: NDArray[np.float32], thumbnail: bytes | None) -> Entry:
    known = enrolment.known[place]
    return Entry(
        id=enrolment.ids[place],
        camera_id=known.camera_id,
        captured_at=known.captured_at,
        embedding=row,
        person_id=known.person_id,
        attributes=known.attributes,
        thumbnail=thumbnail,
    )


def _from_json(named: Sequence[tuple[str, EntryBody]], on_error: OnError, svc: Services) -> Enrolment:
    if not named:
        raise BadRequest("entries is empty; allowed: at least one")
    if len(named) > svc.settings.max_crops:
        raise BodyTooLarge(f"{len(named)} entries in one request; allowed: {svc.settings.max_crops}")
    enrolment = Enrolment([name for name, _ in named], [entry for _, entry in named], on_error)
    for place, (name, entry) in enumerate(named):
        if (entry.image is None) == (entry.embedding is None):
            raise BadRequest(f"entry {name!r} needs either an image or an embedding")
        if entry.image is not None:
            enrolment.crops[place] = base64_crop(place, entry.image)
            continue
        if entry.model_id not in {None, svc.space.model_id}:
            raise WrongModel(f"entry {name!r} is of {entry.model_id!r}; this service's model is {svc.space.model_id!r}")
        enrolment.rows[place] = vectors([entry.embedding], svc.space.dim, 1)[0]
    return enrolment


def _beside(listed: bytes | bytearray | memoryview, crops: list[Crop], on_error: OnError, limit: int) -> Enrolment:
    """A JSON list of what is known, and as many crops in the same order."""
    values = json_value(listed, "entries")
    if not isinstance(values, list) or len(values) > limit:
        raise BadRequest(f"entries must be a JSON list of at most {limit} objects")
    if len(values) != len(crops):
        raise BadRequest(f"{len(values)} entries and {len(crops)} crops; allowed: as many of both, in the same order")
    known = [_named(place, value) for place, value in enumerate(values)]
    return Enrolment([entry.id for entry in known], list(known), on_error, dict(enumerate(crops)))


def _named(place: int, value: Any) -> NamedEntryMeta:
    try:
        return validated(value, NamedEntryMeta)
    except BadRequest as error:
        raise BadRequest(f"entries.{place}: {error}") from None
