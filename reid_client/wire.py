"""Bytes on the wire: framed crops out, raw float32 rows in. The service's fastest route, and all of it is here."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from reid_client.types import DEFAULT_SEARCH, Crop, Crops, Embeddings, Enrolled, Entry, Match, Search

CROPS = "application/x-crops"
ROWS = "application/octet-stream"
JSON = "application/json"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Call(Generic[_T]):
    """One request, and how to read its answer; sent by either client."""

    method: str
    path: str
    read: Callable[[httpx.Response], _T]
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


def embed(crops: Crops, *, skip_bad: bool) -> Call[Embeddings]:
    """POST /embed: framed crops out, raw rows in."""
    headers = {"Content-Type": CROPS, "Accept": ROWS}
    return Call("POST", "/embed", _embeddings, framed(map(encoded, crops)), headers, _on_error(skip_bad))


def search(crops: Crops, how: Search = DEFAULT_SEARCH) -> Call[list[list[Match]]]:
    """POST /search with crops."""
    params = how.options()
    if how.where is not None:
        params["filter"] = json.dumps(how.where)
    return Call("POST", "/search", _matches, framed(map(encoded, crops)), {"Content-Type": CROPS}, params)


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
