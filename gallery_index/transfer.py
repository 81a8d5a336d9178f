"""Export and import: the way between machines, between versions, and between SQLite and Milvus.

An export is a folder: manifest.json (format, model, dim, retention), and for every 10,000 entries part-NNNNN.jsonl (one
entry a line, in the order of the ids) beside part-NNNNN.npz (`embeddings`, (N, dim) float32, row i belongs to line i).
Like the gallery's own files, only its owner can read it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from gallery_index.errors import InvalidRequest
from gallery_index.interface import EVERYTHING, Galleries, Gallery
from gallery_index.progress import Progress, no_progress
from gallery_index.types import Embedding, Entry
from reid_contract import EmbeddingSpec

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

    The export's retention is set where it has one: what was to be kept for 30 days must not stay for ever elsewhere.
    Raises InvalidRequest that names the file for a folder that is no finished export."""
    manifest = _manifest(folder)
    gallery = galleries.create(name, EmbeddingSpec(manifest["model_id"], manifest["dim"]), by=by)
    if manifest.get("retention_days") is not None:
        gallery.set_retention(manifest["retention_days"], by=by)
    done = 0
    for part in sorted(folder.glob("part-*.jsonl")):
        lines, embeddings = _part(part)
        for begin in range(0, len(lines), _BATCH):
            rows = embeddings[begin : begin + _BATCH]
            chosen = zip(range(begin, begin + _BATCH), lines[begin : begin + _BATCH], rows, strict=False)
            batch = [_from_json(f"{part}, line {number + 1}", line, row) for number, line, row in chosen]
            gallery.upsert(batch, by=by)
            done += len(batch)
            progress(done, max(manifest["entries"], done))
    return done


def _everything(gallery: Gallery) -> Iterator[Entry]:
    cursor = None
    while True:
        page = gallery.page(EVERYTHING, cursor=cursor, limit=_BATCH)
        yield from gallery.read([sighting.id for sighting in page.sightings])
        if (cursor := page.cursor) is None:
            return


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise InvalidRequest(f"{folder} has no {MANIFEST}; allowed: a folder that export has finished") from None
    except ValueError as error:
        raise InvalidRequest(f"{folder / MANIFEST} is not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InvalidRequest(f"{folder / MANIFEST} is not of format {FORMAT}")
    if missing := {"model_id", "dim", "entries"} - manifest.keys():
        raise InvalidRequest(f"{folder / MANIFEST} lacks {', '.join(sorted(missing))}")
    return manifest


def _part(path: Path) -> tuple[list[bytes], Embedding]:
    """The lines and, in the same order, the embeddings."""
    arrays_path = path.with_suffix(".npz")
    try:
        with arrays_path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            embeddings = arrays["embeddings"]
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InvalidRequest(f"{arrays_path} is not a part of an export: {error}") from None
    lines = path.read_bytes().removesuffix(b"\n").split(b"\n")  # text has more line ends than this
    if len(lines) != len(embeddings):
        raise InvalidRequest(f"{path} has {len(lines)} lines for {len(embeddings)} embeddings; allowed: as many")
    return lines, embeddings


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
        return Entry(
            id=told["id"],
            camera_id=told["camera_id"],
            captured_at=datetime.fromisoformat(told["captured_at"]),
            embedding=row,
            person_id=told["person_id"],
            attributes=told["attributes"],
            thumbnail=base64.b64decode(told["thumbnail"]) if "thumbnail" in told else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"{place} is no entry: {type(error).__name__}: {error}") from None
