"""What may come in. Every refusal names the thing, the value and what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import get_args

import numpy as np

from gallery_index.errors import InvalidRequest, ModelMismatch
from gallery_index.types import Attributes, Embedding, Entry, Filter, Fusion
from reid_contract import EmbeddingSpec

MAX_K = 100_000
MAX_RERANK_K = 200  # candidates that are re-ranked: the work grows with the square
MAX_PAGE = 1000
MAX_RETENTION_DAYS = 36_500
MAX_ID = 256
MAX_ATTRIBUTES = 64
LENGTH_TOLERANCE = 0.01  # a float16 export is off by about 1e-3

_NAME = re.compile(r"(?!lock$)[a-z0-9][a-z0-9_-]{0,63}")  # `lock` is the name of a file there


def check_name(name: str) -> str:
    """A gallery's name becomes a folder's: 1 to 64 of a-z, 0-9, '-' and '_'."""
    if not isinstance(name, str) or not is_name(name):
        raise InvalidRequest(
            f"gallery name is {name!r}; allowed: 1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or digit; "
            "not 'lock'"
        )
    return name


def is_name(text: str) -> bool:
    """Whether a gallery may be called so."""
    return _NAME.fullmatch(text) is not None


def check_same_model(name: str, holds: EmbeddingSpec, given: EmbeddingSpec | None) -> None:
    """Embeddings of two models cannot be compared, even of the same width."""
    if given is not None and (holds.model_id, holds.dim) != (given.model_id, given.dim):
        raise ModelMismatch(
            f"gallery {name!r} holds embeddings of {holds.model_id} ({holds.dim}-d), "
            f"the model given is {given.model_id} ({given.dim}-d)"
        )


def check_entries(entries: Sequence[Entry], dim: int) -> Embedding:
    """Returns the embeddings, (N, dim) float32, each of length 1 to the last digit; dim: the gallery's width."""
    seen: set[str] = set()
    for entry in entries:
        _check_text("id", entry.id)
        if entry.id in seen:
            raise InvalidRequest(f"id {entry.id!r} appears twice in one batch; allowed: each id once")
        seen.add(entry.id)
        _check_sighting(entry)
        if np.shape(entry.embedding) != (dim,):
            raise InvalidRequest(
                f"embedding of {entry.id!r} has shape {np.shape(entry.embedding)}; allowed: ({dim},), this gallery's"
            )
    if not entries:
        return np.empty((0, dim), np.float32)
    return _unit(np.stack([entry.embedding for entry in entries]), lambda i: f"embedding of {entries[i].id!r}")


def check_ids(ids: Iterable[str]) -> None:
    """Ids that an entry could have. SQLite would read others as something else: text ends at a NUL."""
    for key in ids:
        _check_text("id", key)


def check_queries(queries: Embedding, dim: int) -> Embedding:
    """Returns the queries, (Q, dim) float32, each of length 1 to the last digit."""
    if np.ndim(queries) != 2 or len(queries) < 1 or np.shape(queries)[1] != dim:
        raise InvalidRequest(f"queries have shape {np.shape(queries)}; allowed: (Q, {dim}) with Q of 1 or more")
    return _unit(queries, lambda i: f"query {i}")


def check_search(k: int, min_score: float, fuse: Fusion | None, *, rerank: bool) -> None:
    """The numbers of a search."""
    check_number("k with rerank" if rerank else "k", k, 1, MAX_RERANK_K if rerank else MAX_K)
    if not -1.0 <= min_score <= 1.0:
        raise InvalidRequest(f"min_score is {min_score!r}; allowed: -1 to 1, a cosine")
    if fuse is not None and fuse not in get_args(Fusion):
        raise InvalidRequest(f"fuse is {fuse!r}; allowed: {', '.join(get_args(Fusion))} or none")


def check_number(name: str, value: int, low: int, high: int) -> None:
    """A whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidRequest(f"{name} is {value!r}; allowed: a whole number from {low} to {high}")


def check_filter(where: Filter) -> None:
    """Times with a zone, attributes flat, names that an entry could have."""
    for field in ("cameras", "not_cameras", "persons", "not_persons"):
        for name in getattr(where, field) or ():
            _check_text(f"a name in filter.{field}", name)
    for name, time in (("since", where.since), ("until", where.until)):
        if time is not None and time.tzinfo is None:
            raise InvalidRequest(f"filter.{name} is {time.isoformat()}; allowed: a time with a zone")
    _check_attributes("filter.attributes", where.attributes)


def _check_sighting(entry: Entry) -> None:
    _check_text(f"camera_id of {entry.id!r}", entry.camera_id)
    if entry.person_id is not None:
        _check_text(f"person_id of {entry.id!r}", entry.person_id)
    if entry.captured_at.tzinfo is None:
        raise InvalidRequest(
            f"captured_at of {entry.id!r} is {entry.captured_at.isoformat()}; allowed: a time with a zone"
        )
    try:
        entry.captured_at.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            f"captured_at of {entry.id!r} is {entry.captured_at.isoformat()}; allowed: the years 1 to 9999 in UTC"
        ) from None
    _check_attributes(f"attributes of {entry.id!r}", entry.attributes)


def _check_text(name: str, value: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID or "\0" in value:
        raise InvalidRequest(f"{name} is {value!r:.80}; allowed: 1 to {MAX_ID} characters, none of them NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} is {value!a:.80}; allowed: text that can be written as UTF-8") from None


def _check_attributes(name: str, attributes: Attributes) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidRequest(f"{name} has {len(attributes)} keys; allowed: at most {MAX_ATTRIBUTES}")
    for key, value in attributes.items():
        _check_text(f"a key of {name}", key)
        if isinstance(value, str):
            if value:
                _check_text(f"{name}[{key!r}]", value)
        elif not (_is_whole(value) or (isinstance(value, float) and math.isfinite(value))):
            raise InvalidRequest(
                f"{name}[{key!r}] is {value!r:.80}; "
                "allowed: text, a finite number, a whole one of 64 bits, true or false"
            )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _unit(rows: Embedding, name: Callable[[int], str]) -> Embedding:
    rows = np.ascontiguousarray(rows, np.float32)
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide))
    wrong = ~(np.abs(lengths - 1) <= LENGTH_TOLERANCE)  # a NaN is wrong too
    if wrong.any():
        first = int(wrong.argmax())
        raise InvalidRequest(f"{name(first)} has length {lengths[first]:.4g}; allowed: 1 (normalise it first)")
    return np.asarray(wide / lengths[:, None], np.float32)
