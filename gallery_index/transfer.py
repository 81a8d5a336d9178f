"""Export and import: the way between machines, between versions, and between SQLite and Milvus.

An export is a folder: manifest.json (format, model, dim), and for every 10,000 entries part-NNNNN.jsonl (one entry a
line, in the order of the ids) beside part-NNNNN.npz (`embeddings`, (N, dim) float32, row i belongs to line i).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

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
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidRequest(f"{folder} is not empty; allowed: a new folder")
    total, done = gallery.count(), 0
    entries = _everything(gallery)
    while part := list(islice(entries, PART)):
        name = f"part-{done // PART:05d}"
        np.savez(folder / f"{name}.npz", embeddings=np.stack([entry.embedding for entry in part]))
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(_to_json(entry), ensure_ascii=False) + "\n" for entry in part)
        done += len(part)
        progress(done, max(total, done))
    manifest = {"format": FORMAT, "model_id": gallery.embedding.model_id, "dim": gallery.embedding.dim, "entries": done}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")  # last: without it the export is unfinished
    return done


def import_gallery(galleries: Galleries, name: str, folder: Path, *, by: str, progress: Progress = no_progress) -> int:
    """Creates the gallery if need be and upserts every entry; returns how many. Running it again does no harm."""
    manifest = _manifest(folder)
    gallery = galleries.create(name, EmbeddingSpec(manifest["model_id"], manifest["dim"]), by=by)
    done = 0
    for part in sorted(folder.glob("part-*.jsonl")):
        with np.load(part.with_suffix(".npz"), allow_pickle=False) as arrays:
            embeddings = arrays["embeddings"]
        lines = part.read_text(encoding="utf-8").splitlines()
        if len(lines) != len(embeddings):
            raise InvalidRequest(f"{part} has {len(lines)} lines for {len(embeddings)} embeddings; allowed: as many")
        for begin in range(0, len(lines), _BATCH):
            rows = embeddings[begin : begin + _BATCH]
            batch = [_from_json(line, row) for line, row in zip(lines[begin : begin + _BATCH], rows, strict=True)]
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


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise InvalidRequest(f"{folder} has no {MANIFEST}; allowed: a folder that export has finished") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InvalidRequest(f"{folder / MANIFEST} is not of format {FORMAT}")
    return manifest


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


def _from_json(line: str, row: Embedding) -> Entry:
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
