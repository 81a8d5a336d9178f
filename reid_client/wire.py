"""Bytes on the wire: framed crops out, raw float32 rows in. The service's fastest route, and all of it is here."""

from __future__ import annotations

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

from reid_client.types import DEFAULT_SEARCH, Crop, Crops, Embeddings, Enrolled, Entry, Match, Search

CROPS = "application/x-crops"
ROWS = "application/octet-stream"
JSON = "application/json"

CROPS_TOGETHER = 64  # half of what a service takes in one request unless it is told otherwise
BYTES_TOGETHER = 8 * 2**20  # a quarter of it

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Call(Generic[_T]):
    """One request, and how to read its answer; sent by either client. first: place of its first crop among the
    caller's."""

    method: str
    path: str
    read: Callable[[httpx.Response], _T]
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    first: int = 0


def embed(crops: Crops, *, skip_bad: bool) -> list[Call[Embeddings]]:
    """POST /embed: framed crops out, raw rows in; as many requests as the crops need."""
    headers, params = {"Content-Type": CROPS, "Accept": ROWS}, _on_error(skip_bad)
    return [Call("POST", "/embed", _embeddings, body, headers, params, first) for first, body in _framed_parts(crops)]


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """The answers of `embed` as one. Raises ValueError if the service changed its model between two of them."""
    if len(models := {part.model_id for part in parts}) > 1:
        raise ValueError(f"the service changed its model meanwhile: {' and '.join(sorted(models))}; embed again")
    firsts = accumulate((len(part.rows) for part in parts), initial=0)
    skipped = tuple(first + place for first, part in zip(firsts, parts, strict=False) for place in part.skipped)
    return Embeddings(np.concatenate([part.rows for part in parts]), parts[0].model_id, skipped)


def search(crops: Crops, how: Search = DEFAULT_SEARCH) -> list[Call[list[list[Match]]]]:
    """POST /search with crops; as many requests as they need, but one for a track."""
    headers, params = {"Content-Type": CROPS}, how.options()
    if how.where is not None:
        params["filter"] = json.dumps(how.where)
    parts = [(0, framed(map(encoded, crops)))] if how.fuse else _framed_parts(crops)
    return [Call("POST", "/search", _matches, body, headers, params, first) for first, body in parts]


def search_embeddings(rows: NDArray[np.float32], how: Search, model_id: str | None) -> Call[list[list[Match]]]:
    """POST /search with embeddings, rows (N, D) or (D,)."""
    headers = {"Content-Type": ROWS} | ({"X-Model-Id": model_id} if model_id else {})
    params = how.options()
    if how.where is not None:
        params["filter"] = json.dumps(how.where)
    return Call("POST", "/search", _matches, np.atleast_2d(rows).astype("<f4").tobytes(), headers, params)


def search_like(entry_id: str, how: Search) -> Call[list[list[Match]]]:
    """POST /search for more like an entry."""
    body = {"like": entry_id, **how.options()} | ({"filter": how.where} if how.where is not None else {})
    return Call("POST", "/search", _matches, json.dumps(body).encode(), {"Content-Type": JSON})


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


def together(sizes: Sequence[int]) -> Iterator[slice]:
    """Crops of so many bytes in parts that a service takes as one request; one part at least, though it be empty."""
    begin = total = 0
    for place, size in enumerate(sizes):
        if place > begin and (place - begin == CROPS_TOGETHER or total + size > BYTES_TOGETHER):
            yield slice(begin, place)
            begin, total = place, 0
        total += size
    yield slice(begin, len(sizes))


def _framed_parts(crops: Crops) -> list[tuple[int, bytes]]:
    blocks = [encoded(crop) for crop in crops]
    return [(part.start, framed(blocks[part])) for part in together([len(block) for block in blocks])]


def framed(blocks: Iterable[bytes]) -> bytes:
    """application/x-crops: for each block a little-endian uint32 byte length and that many bytes."""
    return b"".join(part for block in blocks for part in (struct.pack("<I", len(block)), block))


def encoded(crop: Crop) -> bytes:
    """The bytes of a crop; pixels become a PNG, so that the service sees exactly them."""
    if isinstance(crop, bytes):
        return crop
    if isinstance(crop, Path):
        return crop.read_bytes()
    return png(crop)


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
