"""Readers go on while writers write, and see all of a write or nothing of it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gallery_index import Entry
from gallery_index.directory import EmbeddedGalleries
from gallery_index.locks import SharedLock
from gallery_index.rerank import rerank
from gallery_index.tuning import Tuning
from gallery_index.verify import verify
from reid_contract import EmbeddingSpec

DIM, PARTS, ROUNDS = 32, 6, 30
EAGER = Tuning(
    coarse_from=10,
    scan_below=2,
    scan_share=0.0,
    batch_scan_share=0.0,
    snapshot_after=20,
    snapshot_share=0.0,
    log_bytes=20_000,
)


def body(person: int, part: int, version: int) -> Entry:
    """Every version of a person has the same direction for all of its parts, so one search finds them together."""
    row = np.random.default_rng((person, version)).standard_normal(DIM)
    row = row / np.linalg.norm(row) + 0.001 * np.random.default_rng(part).standard_normal(DIM)
    embedding = (row / np.linalg.norm(row)).astype(np.float32)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry(f"{person}-{part}", "c0", moment, embedding, f"p{person}", {"version": version})


def test_a_search_sees_whole_writes_only(tmp_path: Path) -> None:
    galleries = EmbeddedGalleries(tmp_path, durability="process", threads=1, tuning=EAGER)
    gallery = galleries.create("g", EmbeddingSpec("tiny-0", DIM), by="test")
    gallery.upsert([body(person, part, 0) for person in range(8) for part in range(PARTS)], by="test")
    done = threading.Event()

    def write(person: int) -> None:
        for version in range(1, ROUNDS):
            gallery.upsert([body(person, part, version) for part in range(PARTS)], by="test")

    def read() -> int:
        seen = 0
        while not done.is_set():
            version = seen % ROUNDS
            (found,) = gallery.search(body(0, 0, version).embedding[None], k=PARTS, min_score=0.9, by="test")
            versions = {match.sighting.attributes["version"] for match in found if match.sighting.person_id == "p0"}
            assert len(found) in (0, PARTS), "a write was seen in part"
            assert len(versions) <= 1
            assert gallery.count() == 8 * PARTS
            seen += 1
        return seen

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, person) for person in (0, 1)]
        for writer in writers:
            writer.result()
        done.set()
        assert all(reader.result() > 0 for reader in readers)
    galleries.close()
    assert verify(tmp_path / "g") == []


def test_nobody_waits_for_a_search_that_is_re_ranked(tmp_path: Path) -> None:
    galleries = EmbeddedGalleries(tmp_path, durability="process", threads=1, tuning=EAGER)
    gallery = galleries.create("g", EmbeddingSpec("tiny-0", DIM), by="test")
    gallery.upsert([body(person, part, 0) for person in range(8) for part in range(PARTS)], by="test")
    begun, goes_on = threading.Event(), threading.Event()

    def slow(scores: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        begun.set()
        assert goes_on.wait(20)
        return rerank(scores, candidates)

    query = body(3, 0, 0).embedding[None]
    expected = gallery.search(query, k=PARTS, rerank=True, by="test")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr("gallery_index.search.rerank", slow)
        found = pool.submit(gallery.search, query, k=PARTS, rerank=True, by="test")
        assert begun.wait(20)
        try:
            moved = [replace(body(3, part, 1), person_id="another") for part in range(PARTS)]
            assert pool.submit(gallery.upsert, moved, by="test").result(20) == 0
        finally:
            goes_on.set()
        assert found.result(20) == expected, "it answers what was there when it began"
    galleries.close()


def test_a_waiting_writer_is_not_starved_by_readers() -> None:
    lock = SharedLock()
    stop, written = threading.Event(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            with lock.shared():
                time.sleep(0.002)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()

    def write() -> None:
        with lock.exclusive():
            written.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert written.wait(5)
    stop.set()
    for thread in [*readers, writer]:
        thread.join()
