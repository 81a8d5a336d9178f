"""Request bodies: read within their limits, taken apart by content type, and nothing decoded yet."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service import framing, multipart
from service.errors import BadCrop, BadRequest, BodyTooLarge, ClientGone, DeadlineExceeded, Overloaded, UnsupportedBody
from service.pipeline import Crop
from service.settings import MEBI, Settings

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
JSON = "application/json"
FORM = "multipart/form-data"
ROWS = "application/octet-stream"

_Model = TypeVar("_Model", bound=BaseModel)
_TOLD = 10  # faults
MAX_VALUES = 500_000  # of a JSON text: 128 embeddings of 2048 numbers, and as much again; an empty list takes 64 bytes


class BodyReader:
    """Reads bodies within two limits: of one body, and of all that are held at once. Used by the event loop only."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_body_mib * MEBI
        self._budget = settings.max_bodies_mib * MEBI
        self.held = 0

    @contextmanager
    def hold(self, request: Request, deadline: float) -> Iterator[Body]:
        """A body to read; its bytes count as held until the block ends. Refuses by Content-Length, before reading.

        deadline: time.monotonic() by which it must have arrived: a camera that lost its power in the middle must not
        keep its share for ever."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise UnsupportedBody("compressed bodies are not read: images are compressed already")
        announced = request.headers.get("content-length", "0")
        body = Body(self, request, deadline)
        if announced.isdecimal():
            body.check(int(announced))
        try:
            yield body
        finally:
            self.held -= body.size

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def budget(self) -> int:
        return self._budget


class Body:
    """One body on its way in."""

    def __init__(self, reader: BodyReader, request: Request, deadline: float) -> None:
        self._reader = reader
        self._request = request
        self._deadline = deadline
        self.size = 0

    def check(self, size: int) -> None:
        """Raises if a body of `size` bytes in all has no place."""
        if size > self._reader.limit:
            raise BodyTooLarge(f"the body has more than {self._reader.limit // MEBI} MiB")
        if self._reader.held + size - self.size > self._reader.budget:
            raise Overloaded(f"{self._reader.budget // MEBI} MiB of request bodies are held already")

    async def read(self) -> bytes:
        """The whole body. Raises BodyTooLarge, Overloaded or DeadlineExceeded as soon as a limit is passed."""
        chunks = []
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                async for chunk in self._request.stream():
                    self.check(self.size + len(chunk))
                    self.size += len(chunk)
                    self._reader.held += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            raise DeadlineExceeded(f"the deadline passed when {self.size} bytes of the body had arrived") from None
        except ClientDisconnect:
            raise ClientGone("the client closed the connection while sending") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def crops_of(request: Request, body: bytes, max_crops: int) -> list[Crop]:
    """The encoded crops of a raw image, multipart or x-crops body. Raises UnsupportedBody for any other type."""
    kind = media_type(request)
    if kind in IMAGE_TYPES:
        return [body]
    if kind == framing.MEDIA_TYPE:
        return some(framing.split(body, max_blocks=max_crops), max_crops)
    if kind == FORM:
        return form_images(form_of(request, body, max_crops), max_crops)
    raise UnsupportedBody(
        f"the content type is {kind or 'missing'}; allowed: {', '.join((FORM, *IMAGE_TYPES, JSON, framing.MEDIA_TYPE))}"
    )


def form_of(request: Request, body: bytes, max_crops: int) -> list[multipart.Part]:
    """The parts of a form; a form may have as many parts beside its crops as it has crops, and then some."""
    return multipart.parse(body, request.headers["content-type"], max_parts=2 * max_crops + 16)


def form_images(parts: Sequence[multipart.Part], max_crops: int, beside: Sequence[str] = ()) -> list[Crop]:
    """The crops of a form's field `images`; a form without it is told which fields it has, and so is one that has
    others than those and `beside`: an option that is silently ignored is worse."""
    images = [part.content for part in parts if part.name == "images"]
    if images and (others := [part.name for part in parts if part.name not in {"images", *beside}]):
        raise BadRequest(
            f"the form has a field {others[0]!r}, which is not read; options go into the address: ?on_error=…"
        )
    if not images:
        names = ", ".join(repr(name) for name in dict.fromkeys(part.name for part in parts)) or "nothing"
        raise BadRequest(f"no image: the form has no field 'images'; it has {names}")
    return some(images, max_crops)


def some(crops: Sequence[Crop], max_crops: int) -> list[Crop]:
    """At least one crop, at most `max_crops`."""
    if not crops:
        raise BadRequest("no image: the request carries no crop")
    if len(crops) > max_crops:
        raise BodyTooLarge(f"{len(crops)} crops in one request; allowed: {max_crops}")
    return list(crops)


def base64_crops(images: Sequence[str], max_crops: int) -> list[Crop]:
    """The crops of a JSON body. Raises BadCrop naming the first that is not base64."""
    some([b""] * len(images), max_crops)
    return [base64_crop(i, image) for i, image in enumerate(images)]


def base64_crop(index: int, image: str) -> bytes:
    """One crop; `index` is for the error."""
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise BadCrop(index, "not base64") from None


def json_of(body: bytes | bytearray | memoryview, model: type[_Model], max_values: int = MAX_VALUES) -> _Model:
    """The body as `model`. Raises BadRequest that names every wrong field."""
    return validated(json_value(body, "the body", max_values), model)


def json_value(text: bytes | bytearray | memoryview, name: str, max_values: int = MAX_VALUES) -> Any:
    """Raises BodyTooLarge, before it parses, for a text that would take many times its size; BadRequest."""
    commas, lists, objects = (bytes(text).count(mark) for mark in (b",", b"[", b"{"))
    if commas > max_values or lists + objects > MAX_VALUES:
        raise BodyTooLarge(
            f"{name} has {commas + 1} values in {lists + objects} lists and objects; allowed in JSON: {max_values} "
            f"values, {MAX_VALUES} lists and objects"
        )
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{name} is not JSON: {error}") from None


def json_alone(request: Request, body: bytes, model: type[_Model]) -> _Model:
    """As json_of, for routes whose options are fields of the object: one in the address would be ignored silently."""
    if request.query_params:
        raise BadRequest(f"options of a JSON body are its fields; the address has {', '.join(request.query_params)}")
    return json_of(body, model)


def validated(value: Any, model: type[_Model]) -> _Model:
    """`value` as `model`. Raises BadRequest that names every wrong field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise BadRequest(faults(error)) from None


def faults(error: ValidationError) -> str:
    """The wrong fields with what is allowed, in one line; of many the first."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(str(part) for part in fault['loc']) or 'body'}: {fault['msg']}" for fault in found[:_TOLD]]
    return "; ".join([*told, f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else told)


def rows_of(body: bytes, dim: int, max_rows: int) -> NDArray[np.float32]:
    """Raw little-endian float32 rows as (N, dim), each of length 1."""
    if not body or len(body) % (4 * dim):
        raise BadRequest(f"{len(body)} bytes are not rows of {dim} float32 numbers ({4 * dim} bytes each)")
    rows = np.frombuffer(body, "<f4").reshape(-1, dim)
    if len(rows) > max_rows:
        raise BodyTooLarge(f"{len(rows)} embeddings in one request; allowed: {max_rows}")
    return unit(rows)


def vectors(value: object, dim: int, max_rows: int) -> NDArray[np.float32]:
    """Rows out of JSON as (N, dim) float32, each of length 1."""
    if not isinstance(value, list) or not value:
        raise BadRequest(f"embeddings must be at least one row of {dim} numbers; got {_shape(value)}")
    if len(value) > max_rows:
        raise BodyTooLarge(f"{len(value)} embeddings in one request; allowed: {max_rows}")
    # numpy must not guess: for lists of mixed text it would make an array as wide as the longest
    if not all(isinstance(row, list) and len(row) == dim and set(map(type, row)) <= {int, float} for row in value):
        raise BadRequest(f"embeddings must be at least one row of {dim} numbers each; got {_shape(value)}")
    return unit(np.array(value, np.float64))


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """(N, D) to length 1, float32. Raises BadRequest for a row that has no direction."""
    with np.errstate(over="ignore", invalid="ignore"):
        wide = rows.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if len(bad):
        raise BadRequest(f"embedding {bad[0]} is zero or not finite")
    return np.asarray(wide / lengths, np.float32)


def _shape(value: object) -> str:
    if not isinstance(value, list):
        return type(value).__name__
    widths = sorted({len(row) if isinstance(row, list) else -1 for row in value})
    return f"{len(value)} rows of {', '.join('no list' if w < 0 else str(w) for w in widths[:3]) or 'nothing'}"
