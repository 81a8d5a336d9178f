"""Bytes on the wire: framed crops out, raw float32 rows in. The service's fastest route, and all of it is here."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from reid_client.errors import Refused
from reid_client.types import DEFAULT_SEARCH, Crop, Crops, Embeddings, Enrolled, Entry, Match, Search

CROPS = "application/x-crops"
ROWS = "application/octet-stream"
JSON = "application/json"

CROPS_TOGETHER = 64  # half of what a service takes in one request unless it is told otherwise
BYTES_TOGETHER = 8 * 2**20  # a quarter of it
_FILTER_IN_ADDRESS = 2_000  # letters; proxies take addresses of 8 KiB, and a quotation mark becomes three letters there

_T = TypeVar("_T")
_Piece = TypeVar("_Piece")


@dataclass(frozen=True, slots=True)
class Call(Generic[_T]):
    """One request, and how to read its answer; sent by either client.

    first: place of its first crop among the caller's."""

    method: str
    path: str
    read: Callable[[httpx.Response], _T]
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    first: int = 0


def embed(crops: Crops, *, skip_bad: bool) -> Iterator[Call[Embeddings]]:
    """POST /embed: framed crops out, raw rows in; as many requests as the crops need."""
    headers, params = {"Content-Type": CROPS, "Accept": ROWS}, _on_error(skip_bad)
    for first, part in together(map(encoded, crops), len):
        yield Call("POST", "/embed", _embeddings, framed(part), headers, params, first)


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """The answers of `embed` as one. Raises ValueError if the service changed its model between two of them."""
    if len(models := {part.model_id for part in parts}) > 1:
        raise ValueError(f"the service changed its model meanwhile: {' and '.join(sorted(models))}; embed again")
    firsts = accumulate((len(part.rows) for part in parts), initial=0)
    skipped = tuple(first + place for first, part in zip(firsts, parts, strict=False) for place in part.skipped)
    return Embeddings(np.concatenate([part.rows for part in parts]), parts[0].model_id, skipped)


def search(crops: Crops, how: Search = DEFAULT_SEARCH) -> Iterator[Call[list[list[Match]]]]:
    """POST /search with crops; as many requests as they need, but one for a track."""
    blocks = map(encoded, crops)
    for first, part in [(0, list(blocks))] if how.fuse else together(blocks, len):
        if _is_long(how):
            yield _search_by_json({"images": [base64.b64encode(crop).decode() for crop in part]}, how, first)
            continue
        yield Call("POST", "/search", _matches, framed(part), {"Content-Type": CROPS}, _in_address(how), first)


def search_embeddings(
    rows: NDArray[np.float32], how: Search, model_id: str | None
) -> Iterator[Call[list[list[Match]]]]:
    """POST /search with embeddings, rows (N, D) or (D,); as many requests as they need, but one for a track. Raises
    ValueError for a row without a direction."""
    rows = np.atleast_2d(rows).astype("<f4")
    if len(bad := np.flatnonzero(~(np.isfinite(rows).all(axis=-1) & rows.any(axis=-1)))):
        raise ValueError(f"row {bad[0]} is zero or not finite; `skipped` of an embedding's answer lists such rows")
    headers = {"Content-Type": ROWS} | ({"X-Model-Id": model_id} if model_id else {})
    for first, part in [(0, list(rows))] if how.fuse else together(rows, len):
        if _is_long(how):
            named = {"model_id": model_id} if model_id else {}
            yield _search_by_json({"embeddings": [row.tolist() for row in part], **named}, how, first)
            continue
        body = b"".join(row.tobytes() for row in part)
        yield Call("POST", "/search", _matches, body, headers, _in_address(how), first)


def search_like(entry_id: str, how: Search) -> Call[list[list[Match]]]:
    """POST /search for more like an entry."""
    return _search_by_json({"like": entry_id}, how)


def enrol(gallery: str, entries: Sequence[Entry], crops: Crops, *, skip_bad: bool) -> Call[Enrolled]:
    """POST …/entries: a first block of what is known as JSON, then the crops in the same order."""
    if len(entries) != len(crops):
        raise ValueError(f"{len(entries)} entries and {len(crops)} crops; there must be as many of both")
    listed = json.dumps([entry.to_json() for entry in entries]).encode()
    body = framed([listed, *map(encoded, crops)])
    path = f"/galleries/{gallery}/entries"
    return Call("POST", path, _enrolled, body, {"Content-Type": CROPS}, _on_error(skip_bad))


def plain(method: str, path: str, params: Mapping[str, Any] | None = None, body: Any = None) -> Call[dict[str, Any]]:
    """A request whose answer is a JSON object (or nothing)."""
    content = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": JSON}
    return Call(method, path, lambda r: r.json() if r.content else {}, content, headers, params or {})


def understood(call: Call[_T], answer: httpx.Response) -> _T:
    """What a call brought. Raises Refused for an answer that some other server must have given."""
    try:
        return call.read(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(answer.status_code, "Not an answer of the service", answer.text[:200]) from error


def together(pieces: Iterable[_Piece], size: Callable[[_Piece], int]) -> Iterator[tuple[int, list[_Piece]]]:
    """Crops in parts that a service takes as one request, each with the place of its first; one part at least, though
    it be empty. A part is made when it is asked for, so that no more than one is held.

    size: bytes of a crop."""
    first, total, part = 0, 0, list[_Piece]()
    for place, piece in enumerate(pieces):
        if part and (len(part) == CROPS_TOGETHER or total + size(piece) > BYTES_TOGETHER):
            yield first, part
            first, total, part = place, 0, []
        part.append(piece)
        total += size(piece)
    yield first, part


def framed(blocks: Iterable[bytes]) -> bytes:
    """application/x-crops: for each block a little-endian uint32 byte length and that many bytes."""
    return b"".join(part for block in blocks for part in (struct.pack("<I", len(block)), block))


def encoded(crop: Crop) -> bytes:
    """The bytes of a crop; pixels become a PNG, so that the service sees exactly them. Raises TypeError for what is
    none, such as the name of a file."""
    if isinstance(crop, bytes):
        return crop
    if isinstance(crop, Path):
        return crop.read_bytes()
    if isinstance(crop, np.ndarray):
        return png(crop)
    raise TypeError(f"a crop is {type(crop).__name__}; allowed: bytes of an image, a Path, RGB pixels (h, w, 3) uint8")


def png(pixels: NDArray[np.uint8]) -> bytes:
    """RGB pixels (h, w, 3) uint8 as a PNG: each row as its difference to the one above, lightly compressed."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"a crop must be RGB pixels (h, w, 3) uint8, not {pixels.shape} {pixels.dtype}")
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, width * 3)
    filtered = np.full((height, width * 3 + 1), 2, np.uint8)  # 2: the filter type "up"
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _search_by_json(query: Mapping[str, Any], how: Search, first: int = 0) -> Call[list[list[Match]]]:
    body = {**query, **how.options()} | ({"filter": how.where} if how.where is not None else {})
    return Call("POST", "/search", _matches, json.dumps(body).encode(), {"Content-Type": JSON}, first=first)


def _is_long(how: Search) -> bool:
    return how.where is not None and len(json.dumps(how.where)) > _FILTER_IN_ADDRESS


def _in_address(how: Search) -> dict[str, Any]:
    return how.options() | ({} if how.where is None else {"filter": json.dumps(how.where)})


def _on_error(skip_bad: bool) -> dict[str, str]:
    return {"on_error": "skip"} if skip_bad else {}


def _embeddings(answer: httpx.Response) -> Embeddings:
    shape = int(answer.headers["X-Embedding-Count"]), int(answer.headers["X-Embedding-Dim"])
    skipped = tuple(int(place) for place in answer.headers.get("X-Skipped", "").split(",") if place)
    rows = np.frombuffer(answer.content, "<f4").reshape(shape).astype(np.float32)
    return Embeddings(rows, answer.headers["X-Model-Id"], skipped)


def _matches(answer: httpx.Response) -> list[list[Match]]:
    return [[Match.from_json(match) for match in result["matches"]] for result in answer.json()["results"]]


def _enrolled(answer: httpx.Response) -> Enrolled:
    body = answer.json()
    skipped = {error["id"]: error["detail"] for error in body["errors"]}
    return Enrolled(body["enrolled"], body["created"], skipped)
