"""The parts of the OpenAPI document that FastAPI cannot derive: bodies that the routes read themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service import framing
from service.answer_schemas import ProblemAnswer
from service.bodies import FORM, IMAGE_TYPES, JSON, ROWS
from service.errors import PROBLEM_TYPE

_BYTES = {"type": "string", "format": "binary"}

ROWS_TOO = {"description": "JSON, or raw rows for those who accept them.", "content": {ROWS: {"schema": _BYTES}}}

_WHY = {
    401: "No API key, or one that is not known.",
    403: "The key does not allow this.",
    404: "No such gallery or entry.",
    409: "The model and the gallery (or the embeddings) do not fit.",
    413: "The body, or the number of crops, is too large.",
    415: "A content type that is not read.",
    422: "A bad image or option; the text says which.",
    429: "Full; Retry-After says when to come back.",
    503: "Stopping, or the model or the disk failed; Retry-After says when to come back.",
    504: "The deadline passed.",
}


_RETRY_AFTER = {"description": "Seconds until it is worth trying again.", "schema": {"type": "integer", "minimum": 1}}
_DEADLINE = {
    "name": "X-Request-Deadline-Ms",
    "in": "header",
    "required": False,
    "description": "Milliseconds after which nobody waits for the answer; work is not begun after them (504).",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int, also: Responses | None = None) -> Responses:
    """The `responses` of a route that may refuse with these statuses; `also` says more about its successes."""
    schema = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
    refusals: Responses = {s: {"description": _WHY[s], "content": {PROBLEM_TYPE: {"schema": schema}}} for s in statuses}
    for status in {429, 503} & set(statuses):
        refusals[status]["headers"] = {"Retry-After": _RETRY_AFTER}
    return {**(also or {}), **refusals}


def crop_bodies(json_body: type[BaseModel], *, rows: bool = False) -> dict[str, Any]:
    """The request body of a route that takes crops in every form the service reads."""
    images = {"type": "array", "items": _BYTES, "minItems": 1}
    form = {"type": "object", "properties": {"images": images}, "required": ["images"]}
    content: dict[str, Any] = {FORM: {"schema": form}, JSON: {"schema": _inline(json_body)}}
    content |= {kind: {"schema": _BYTES} for kind in (*IMAGE_TYPES, framing.MEDIA_TYPE)}
    if rows:
        content[ROWS] = {"schema": _BYTES}
    return {"requestBody": {"required": True, "content": content}, "parameters": [_DEADLINE]}


def json_body(model: type[BaseModel], *, required: bool) -> dict[str, Any]:
    """The request body of a route that takes JSON only."""
    return {"requestBody": {"required": required, "content": {JSON: {"schema": _inline(model)}}}}


def tensor_bodies(json_body: type[BaseModel]) -> dict[str, Any]:
    """The request body of /v2: JSON, or JSON and raw tensors."""
    content = {JSON: {"schema": _inline(json_body)}, ROWS: {"schema": _BYTES}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [_DEADLINE]}


def enrol_bodies(json_body: type[BaseModel], *, raw: bool = False) -> dict[str, Any]:
    """The request body of a route that enrols: crops beside what is known of them."""
    images = {"type": "array", "items": _BYTES, "minItems": 1}
    properties = {"images": images, "entries": {"type": "string", "contentMediaType": JSON}}
    form = {"type": "object", "properties": properties, "required": ["images", "entries"]}
    content: dict[str, Any] = {JSON: {"schema": _inline(json_body)}, FORM: {"schema": form}}
    content[framing.MEDIA_TYPE] = {"schema": _BYTES}
    if raw:
        content |= {kind: {"schema": _BYTES} for kind in IMAGE_TYPES}
    return {"requestBody": {"required": True, "content": content}, "parameters": [_DEADLINE]}


def _inline(model: type[BaseModel]) -> dict[str, Any]:
    """The model's schema with its parts in place: these bodies are not among FastAPI's components."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    return _resolved(schema, parts)  # type: ignore[no-any-return]


def _resolved(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _resolved(parts[node["$ref"].rpartition("/")[2]], parts)
        return {key: _resolved(value, parts) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolved(item, parts) for item in node]
    return node
