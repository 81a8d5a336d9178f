"""An entry as a row of a Milvus collection, and a Filter as a Milvus expression."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pymilvus import CollectionSchema, DataType, FieldSchema

from gallery_index.errors import InvalidRequest
from gallery_index.filters import microseconds, moment
from gallery_index.types import AttributeValue, Embedding, Entry, Filter, Sighting
from reid_contract import EmbeddingSpec

ALL = 'id != ""'
SIGHTING = ["id", "camera_id", "captured_at", "person_id", "attributes", "has_thumbnail"]
WHOLE = [*SIGHTING, "embedding", "thumbnail"]

_MAX_TEXT = 1_024  # bytes of UTF-8 of 256 characters
_MAX_VARCHAR = 65_535
NOBODY = ""  # Milvus 2.3 has no NULL; a person's id has at least one character


def schema(embedding: EmbeddingSpec) -> CollectionSchema:
    """The collection's description carries the model it is bound to."""

    def text(name: str, length: int = _MAX_TEXT, **more: object) -> FieldSchema:
        return FieldSchema(name, DataType.VARCHAR, max_length=length, **more)

    fields = [
        text("id", is_primary=True),
        FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=embedding.dim),
        text("camera_id"),
        text("person_id"),
        FieldSchema("captured_at", DataType.INT64),
        FieldSchema("attributes", DataType.JSON),
        FieldSchema("has_thumbnail", DataType.BOOL),
        text("thumbnail", _MAX_VARCHAR),
    ]
    bound = {"format": 1, "model_id": embedding.model_id, "dim": embedding.dim}
    return CollectionSchema(fields, json.dumps(bound), enable_dynamic_field=False)


def to_row(entry: Entry, embedding: Embedding) -> dict[str, Any]:
    """Raises InvalidRequest for a thumbnail that is larger than a Milvus text."""
    thumbnail = base64.b64encode(entry.thumbnail or b"").decode()
    if len(thumbnail) > _MAX_VARCHAR:
        raise InvalidRequest(f"thumbnail of {entry.id!r} has {len(entry.thumbnail or b'')} bytes; allowed: 49,151")
    return {
        "id": entry.id,
        "embedding": embedding.tolist(),
        "camera_id": entry.camera_id,
        "person_id": entry.person_id or NOBODY,
        "captured_at": microseconds(entry.captured_at),
        "attributes": dict(entry.attributes),
        "has_thumbnail": entry.thumbnail is not None,
        "thumbnail": thumbnail,
    }


def to_sighting(row: Mapping[str, Any]) -> Sighting:
    """From the fields SIGHTING."""
    attributes = row["attributes"]
    attributes = json.loads(attributes) if isinstance(attributes, str | bytes) else attributes
    return Sighting(
        row["id"],
        row["camera_id"],
        moment(row["captured_at"]),
        row["person_id"] or None,
        dict(attributes),
        bool(row["has_thumbnail"]),
    )


def to_entry(row: Mapping[str, Any]) -> Entry:
    """From the fields WHOLE."""
    s = to_sighting(row)
    thumbnail = base64.b64decode(row["thumbnail"]) if s.has_thumbnail else None
    embedding = np.asarray(row["embedding"], np.float32)
    return Entry(s.id, s.camera_id, s.captured_at, embedding, s.person_id, s.attributes, thumbnail)


def expression(where: Filter) -> str:
    """Field names are fixed here; what the caller gives is quoted as JSON."""
    parts: list[str] = []
    for field, allowed in (("camera_id", where.cameras), ("person_id", where.persons)):
        if allowed is not None:
            parts.append(one_of(field, allowed))
    for field, refused in (("camera_id", where.not_cameras), ("person_id", where.not_persons)):
        if refused:
            parts.append(f"not ({one_of(field, refused)})")
    if where.since is not None:
        parts.append(f"captured_at >= {microseconds(where.since)}")
    if where.until is not None:
        parts.append(f"captured_at < {microseconds(where.until)}")
    parts += [_equals(key, value) for key, value in sorted(where.attributes.items())]
    return " and ".join(parts) or ALL


def one_of(field: str, values: Iterable[str]) -> str:
    """`field in [...]`; of nothing, an expression that no entry passes."""
    listed = sorted(values)
    return f"{field} in [{', '.join(map(quote, listed))}]" if listed else 'id == ""'


def quote(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)


def _equals(key: str, value: AttributeValue) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"attributes[{quote(key)}] == {json.dumps(value, ensure_ascii=False)}"
