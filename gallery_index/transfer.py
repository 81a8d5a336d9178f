"""Export and import: the way between machines, between versions, and between SQLite and Milvus.

An export is a folder: manifest.json (format, model, dim, retention), and for every 10,000 entries part-NNNNN.jsonl (one
entry a line, in the order of the ids) beside part-NNNNN.npz (`embeddings`, (N, dim) float32, row i belongs to line i).
Like the gallery's own files, only its owner can read it.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gallery_index.errors import InvalidRequest
from gallery_index.interface import EVERYTHING, Galleries, Gallery
from gallery_index.progress import Progress, no_progress
from gallery_index.types import Embedding, Entry
from gallery_index.validation import MAX_RETENTION_DAYS, check_number
from reid_contract import ContractError, EmbeddingSpec

FORMAT = 1
MANIFEST = "manifest.json"
PART = 10_000

_BATCH = 256


def export_gallery(gallery: Gallery, folder: Path, progress: Progress = no_progress) -> int:
    """Writes every entry; returns how many. The folder must not exist or be empty."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidRequest(f"{folder} is not empty; allowed: a new folder")
    total, done = gallery.count(), 0
    entries = _everything(gallery)
    while part := list(islice(entries, PART)):
        name = f"part-{done // PART:05d}"
        with _new(folder / f"{name}.npz") as arrays:
            np.savez(arrays, embeddings=np.stack([entry.embedding for entry in part]))
        with _new(folder / f"{name}.jsonl") as lines:
            lines.writelines(json.dumps(_to_json(entry), ensure_ascii=False).encode() + b"\n" for entry in part)
        done += len(part)
        progress(done, max(total, done))
    info = gallery.info()
    manifest = {
        "format": FORMAT,
        "model_id": info.model_id,
        "dim": info.dim,
        "entries": done,
        "retention_days": info.retention_days,
    }
    with _new(folder / MANIFEST) as file:  # last: without it the export is unfinished
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")
    return done


def import_gallery(galleries: Galleries, name: str, folder: Path, *, by: str, progress: Progress = no_progress) -> int:
    """Creates the gallery if need be and upserts every entry; returns how many. Running it again does no harm.

    An empty gallery without a retention takes the export's: what was to be kept for 30 days must not stay for ever
    elsewhere. A gallery that holds entries keeps its own: an import must not make those expire. Raises InvalidRequest
    that names the file for a folder that is no finished export."""
    manifest = _manifest(folder)
    gallery = galleries.create(name, manifest.embedding, by=by)
    if manifest.retention_days is not None and gallery.count() == 0 and gallery.info().retention_days is None:
        gallery.set_retention(manifest.retention_days, by=by)
    done = 0
    for part in sorted(folder.glob("part-*.jsonl")):
        lines, embeddings = _part(part)
        for begin in range(0, len(lines), _BATCH):
            batch = [
                _from_json(f"{part}, line {number + 1}", lines[number], embeddings[number])
                for number in range(begin, min(begin + _BATCH, len(lines)))
            ]
            try:
                gallery.upsert(batch, by=by)
            except InvalidRequest as error:
                raise InvalidRequest(f"{part}, lines {begin + 1} to {begin + len(batch)}: {error}") from None
            done += len(batch)
            progress(done, max(manifest.entries, done))
    if done != manifest.entries:
        raise InvalidRequest(f"{folder} has {done} entries, its {MANIFEST} says {manifest.entries}: a part is missing")
    return done


def check_export(folder: Path) -> None:
    """Raises InvalidRequest for a folder that is no finished export, before anything is made for it."""
    _manifest(folder)


def _everything(gallery: Gallery) -> Iterator[Entry]:
    cursor = None
    while True:
        page = gallery.page(EVERYTHING, cursor=cursor, limit=_BATCH)
        yield from gallery.read([sighting.id for sighting in page.sightings])
        if (cursor := page.cursor) is None:
            return


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


@dataclass(frozen=True, slots=True)
class _Manifest:
    """entries: of all parts."""

    embedding: EmbeddingSpec
    entries: int
    retention_days: int | None


def _manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidRequest(f"{folder} has no {MANIFEST}; allowed: a folder that export has finished") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path} is not JSON: {error}") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise InvalidRequest(f"{path} is not of format {FORMAT}")
    if missing := {"model_id", "dim", "entries"} - told.keys():
        raise InvalidRequest(f"{path} lacks {', '.join(sorted(missing))}")
    days = told.get("retention_days")  # older exports lack it
    try:
        check_number("entries", told["entries"], 0, sys.maxsize)
        if days is not None:
            check_number("retention_days", days, 1, MAX_RETENTION_DAYS)
        return _Manifest(EmbeddingSpec(told["model_id"], told["dim"]), told["entries"], days)
    except (ContractError, InvalidRequest) as error:
        raise InvalidRequest(f"{path}: {error}") from None


def _part(path: Path) -> tuple[list[bytes], Embedding]:
    """The lines and, in the same order, the embeddings."""
    lines = path.read_bytes().removesuffix(b"\n").split(b"\n")  # text has more line ends than this
    embeddings = _embeddings(path.with_suffix(".npz"))
    if len(lines) != len(embeddings):
        raise InvalidRequest(f"{path} has {len(lines)} lines for {len(embeddings)} embeddings; allowed: as many")
    return lines, embeddings


def _embeddings(path: Path) -> Embedding:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            embeddings: Embedding = arrays["embeddings"]
    except Exception as error:  # of damaged bytes numpy and zipfile raise nearly anything
        raise InvalidRequest(f"{path} is not a part of an export: {error}") from None
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f":
        raise InvalidRequest(
            f"embeddings of {path} are {embeddings.dtype} of shape {embeddings.shape}; allowed: float32 (N, D)"
        )
    return embeddings


def _to_json(entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": entry.id,
        "person_id": entry.person_id,
        "camera_id": entry.camera_id,
        "captured_at": entry.captured_at.isoformat(),
        "attributes": dict(entry.attributes),
    }
    if entry.thumbnail is not None:
        line["thumbnail"] = base64.b64encode(entry.thumbnail).decode()
    return line


def _from_json(place: str, line: bytes, row: Embedding) -> Entry:
    try:
        told = json.loads(line)
        if not isinstance(told["attributes"], dict):
            raise TypeError("attributes must be an object")
        return Entry(
            id=told["id"],
            camera_id=told["camera_id"],
            captured_at=datetime.fromisoformat(told["captured_at"]),
            embedding=row,
            person_id=told["person_id"],
            attributes=told["attributes"],
            thumbnail=base64.b64decode(told["thumbnail"]) if "thumbnail" in told else None,
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRequest(f"{place} is no entry: {type(error).__name__}: {error}") from None
