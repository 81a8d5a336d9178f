"""A model and galleries in a few lines each, so that the whole HTTP path is tested without a file or a disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from gallery_index.errors import InvalidRequest, ModelMismatch, UnknownEntry, UnknownGallery
from gallery_index.interface import EVERYTHING
from gallery_index.types import Embedding, Entry, Filter, Fusion, GalleryInfo, Match, Page, Sighting
from reid_contract import EmbeddingSpec, PreprocessSpec, Provenance

HEIGHT, WIDTH, GRID = 32, 16, 4
DIM = GRID * GRID * 3
PROVENANCE = Provenance("service", "fp32", "mean-colour", "none", "Apache-2.0", "0")
PREPROCESS = PreprocessSpec(HEIGHT, WIDTH)


def grid_colours(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W, 3) to the mean colours of a 4×4 grid, centred, of length 1: (N, 48)."""
    cells = images.reshape(len(images), GRID, HEIGHT // GRID, GRID, WIDTH // GRID, 3).mean(axis=(2, 4))
    rows = cells.reshape(len(images), DIM) - 127.25
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class FakeEncoder:
    """The mean colours of a grid. `before` is called in the inference thread with every batch."""

    preprocess = PREPROCESS
    provenance = PROVENANCE
    provider = "cpu"

    def __init__(self, model_id: str = "grid-1", before: Callable[[NDArray[np.uint8]], None] = lambda images: None):
        self.embedding = EmbeddingSpec(model_id, DIM)
        self.before = before
        self.batches: list[int] = []

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(images))
        self.before(images)
        return grid_colours(images)


class MemoryGallery:
    """One gallery in a dictionary; searches by brute force."""

    def __init__(self, name: str, embedding: EmbeddingSpec) -> None:
        self.name, self.embedding = name, embedding
        self.entries: dict[str, Entry] = {}
        self.retention: int | None = None
        self.asked: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def upsert(self, entries: Sequence[Entry], *, by: str) -> int:
        with self._lock:
            self.asked.append(("upsert", by))
            new = len({e.id for e in entries} - set(self.entries))
            self.entries |= {e.id: e for e in entries}
            return new

    def get(self, entry_id: str) -> Sighting:
        return _sighting(self._entry(entry_id))

    def vector(self, entry_id: str) -> Embedding:
        return self._entry(entry_id).embedding

    def thumbnail(self, entry_id: str) -> bytes | None:
        return self._entry(entry_id).thumbnail

    def delete(self, ids: Sequence[str], *, by: str) -> int:
        with self._lock:
            self.asked.append(("delete", by))
            return sum(self.entries.pop(i, None) is not None for i in ids)

    def erase(self, where: Filter, *, by: str) -> int:
        if where == EVERYTHING:
            raise InvalidRequest("the filter allows everything")
        return self.delete([e.id for e in self._allowed(where)], by=by)

    def page(self, where: Filter = EVERYTHING, *, cursor: str | None = None, limit: int = 100) -> Page:
        found = [e for e in sorted(self._allowed(where), key=lambda e: e.id) if cursor is None or e.id > cursor]
        return Page(tuple(map(_sighting, found[:limit])), found[limit - 1].id if len(found) > limit else None)

    def count(self, where: Filter = EVERYTHING) -> int:
        return len(self._allowed(where))

    def info(self) -> GalleryInfo:
        entries = list(self.entries.values())
        cameras = {c: sum(e.camera_id == c for e in entries) for c in {e.camera_id for e in entries}}
        days = [e.captured_at.astimezone(UTC).date().isoformat() for e in entries]
        persons = len({e.person_id for e in entries} - {None})
        return GalleryInfo(
            self.name, self.embedding.model_id, self.embedding.dim, len(entries), persons, cameras,
            {day: days.count(day) for day in set(days)}, self.retention,
        )  # fmt: skip

    def search(
        self,
        queries: Embedding,
        *,
        k: int,
        where: Filter = EVERYTHING,
        group_by_person: bool = False,
        min_score: float = -1.0,
        fuse: Fusion | None = None,
        rerank: bool = False,
        exclude_id: str | None = None,
        by: str,
    ) -> list[list[Match]]:
        self.asked.append(("search", by))
        entries = [e for e in self._allowed(where) if e.id != exclude_id]
        scores = queries @ np.array([e.embedding for e in entries], np.float32).reshape(-1, self.embedding.dim).T
        if fuse:
            scores = scores.mean(axis=0, keepdims=True) if fuse == "mean" else scores.max(axis=0, keepdims=True)
        return [self._ranked(row, entries, k, min_score, group_by_person) for row in scores]

    def set_retention(self, days: int | None, *, by: str) -> None:
        self.retention = days

    def _ranked(self, scores: Embedding, entries: list[Entry], k: int, min_score: float, group: bool) -> list[Match]:
        matches, persons = [], set()
        for i in np.argsort(-scores, kind="stable"):
            person = entries[i].person_id
            if scores[i] < min_score or (group and person is not None and person in persons):
                continue
            persons.add(person)
            matches.append(Match(_sighting(entries[i]), float(scores[i])))
        return matches[:k]

    def _entry(self, entry_id: str) -> Entry:
        try:
            return self.entries[entry_id]
        except KeyError:
            raise UnknownEntry(f"no entry {entry_id!r} in the gallery {self.name!r}") from None

    def _allowed(self, where: Filter) -> list[Entry]:
        return [e for e in self.entries.values() if _passes(e, where)]


class MemoryGalleries:
    """All galleries of one test."""

    def __init__(self) -> None:
        self.all: dict[str, MemoryGallery] = {}

    def names(self) -> list[str]:
        return sorted(self.all)

    def create(self, name: str, embedding: EmbeddingSpec, *, by: str) -> MemoryGallery:
        self.all.setdefault(name, MemoryGallery(name, embedding))
        return self.open(name, embedding)

    def open(self, name: str, embedding: EmbeddingSpec | None = None) -> MemoryGallery:
        if name not in self.all:
            raise UnknownGallery(f"no gallery named {name!r}")
        found = self.all[name]
        if embedding and (found.embedding.model_id, found.embedding.dim) != (embedding.model_id, embedding.dim):
            raise ModelMismatch(f"{name!r} holds {found.embedding.model_id}, the model is {embedding.model_id}")
        return found

    def drop(self, name: str, *, by: str) -> None:
        self.open(name)
        del self.all[name]

    def expire(self) -> int:
        return 0

    def close(self) -> None: ...


def write_grid_model(path: str, *, flavour: str = "service", metadata: dict[str, str] | None = None) -> None:
    """The fake encoder as a real ONNX file of 2 kB with its contract inside."""
    cell = (HEIGHT // GRID, WIDTH // GRID)
    nodes = [
        helper.make_node("Cast", ["images"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["nchw"], ["cells"], kernel_shape=cell, strides=cell),
        helper.make_node("Transpose", ["cells"], ["nhwc"], perm=[0, 2, 3, 1]),
        helper.make_node("Flatten", ["nhwc"], ["flat"], axis=1),
        helper.make_node("Sub", ["flat", "grey"], ["centred"]),
        helper.make_node("LpNormalization", ["centred"], ["embeddings"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "grid",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", DIM])],
        [helper.make_tensor("grey", TensorProto.FLOAT, [], [127.25])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    if metadata is None:
        provenance = Provenance(flavour, "fp32", "mean-colour", "none", "Apache-2.0", "0")  # type: ignore[arg-type]
        contract = (EmbeddingSpec("grid-1", DIM), PREPROCESS, provenance)
        metadata = {key: value for section in contract for key, value in section.to_metadata().items()}
    helper.set_model_props(model, metadata)
    onnx.save(model, path)


def _sighting(e: Entry) -> Sighting:
    return Sighting(e.id, e.camera_id, e.captured_at, e.person_id, e.attributes, e.thumbnail is not None)


def _passes(e: Entry, where: Filter) -> bool:
    return (
        (where.cameras is None or e.camera_id in where.cameras)
        and e.camera_id not in where.not_cameras
        and (where.persons is None or e.person_id in where.persons)
        and e.person_id not in where.not_persons
        and (where.since or datetime.min.replace(tzinfo=UTC)) <= e.captured_at
        and (where.until is None or e.captured_at < where.until)
        and all(e.attributes.get(name) == value for name, value in where.attributes.items())
    )
