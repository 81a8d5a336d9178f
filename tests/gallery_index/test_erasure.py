"""After an erasure no byte of the person is left in any file of the directory: the files are searched for them."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gallery_index import Entry, Filter, StorageFailed
from gallery_index.database import Database
from gallery_index.directory import EmbeddedGalleries
from gallery_index.errors import ErasureUnfinished
from gallery_index.gallery import EmbeddedGallery
from gallery_index.tuning import Tuning
from gallery_index.verify import verify
from reid_contract import EmbeddingSpec

DIM = 64
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)
EAGER = Tuning(
    coarse_from=50,
    scan_below=2,
    scan_share=0.0,
    batch_scan_share=0.0,
    snapshot_after=400,
    snapshot_share=0.0,
    log_bytes=200_000,
)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def unit(seed: int) -> np.ndarray:
    row = np.random.default_rng(seed).standard_normal(DIM)
    return (row / np.linalg.norm(row)).astype(np.float32)


def make(number: int, person: str, *, version: int = 0) -> Entry:
    """Every text and thumbnail of a person carries its name, so that it can be found in the files."""
    chance = random.Random(number)
    return Entry(
        id=f"{number:05d}-{person}" + "i" * chance.randrange(40),
        camera_id=f"c{number % 5}",
        captured_at=NOON + timedelta(minutes=number),
        embedding=unit(10 * number + version),
        person_id=person,
        attributes={"note": f"{person} walks " + "n" * chance.randrange(60)},
        thumbnail=(f"{person}jpeg{version}" * chance.randrange(1, 600)).encode() if number % 3 == 0 else None,
    )


OLD = replace(make(99_999, "OLDSECRETS"), captured_at=datetime(2001, 1, 1, tzinfo=UTC))


def occurrences(directory: Path, needles: list[bytes]) -> list[str]:
    """Files with any of the needles, apart from the audit log, which says who was erased."""
    files = [p for p in directory.rglob("*") if p.is_file() and not p.name.startswith("audit") and p.suffix != ".tmp"]
    texts = [(path.name, path.read_bytes()) for path in files]
    return [f"{name}: {needle[:20]!r}" for name, text in texts for needle in needles if needle in text]


def traces(entries: list[Entry]) -> list[bytes]:
    """Parts of every embedding (they are stored as they are), and the person's name in ids, texts and images."""
    rows = [e.embedding.astype(np.float32).tobytes() for e in entries]
    return [b"SECRET", *(row[:32] for row in rows[:40]), *(row[-32:] for row in rows[-40:])]


def disk_full(_: Database) -> None:
    raise StorageFailed("the disk is full")


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]]:
    """A gallery with a history: upserts that replaced, deletions, checkpoints, snapshots."""
    galleries = EmbeddedGalleries(tmp_path, durability="process", tuning=EAGER)
    gallery = galleries.create("g", SPEC, by="test")
    entries = [make(n, "SECRET" if n % 7 == 0 else f"keep{n % 11}") for n in range(1200)]
    random.Random(1).shuffle(entries)
    for begin in range(0, len(entries), 100):
        gallery.upsert(entries[begin : begin + 100], by="test")
    older = [make(n, "SECRET", version=1) for n in range(0, 420, 7)]
    gallery.upsert(older, by="test")
    gallery.delete([e.id for e in older[:30]], by="test")
    secrets = [e for e in entries if e.person_id == "SECRET"] + older
    return tmp_path, galleries, gallery, secrets


def test_erase_leaves_no_byte(filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]]) -> None:
    directory, galleries, gallery, secrets = filled
    assert occurrences(directory, traces(secrets)), "the search must find something before, or it proves nothing"
    expected = gallery.count(Filter(persons=frozenset({"SECRET"})))
    assert gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test") == expected
    assert occurrences(directory, traces(secrets)) == []  # while the gallery is open
    assert not list(directory.rglob("*.tmp"))
    kept = gallery.count()
    galleries.close()
    assert occurrences(directory, traces(secrets)) == []
    assert verify(directory / "g") == []
    again = EmbeddedGalleries(directory, durability="process", tuning=EAGER)
    assert again.open("g").count() == kept
    again.close()


def test_what_was_deleted_before_is_erased_too(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, gallery, secrets = filled
    gallery.delete([e.id for e in secrets], by="test")
    assert gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test") == 0
    assert occurrences(directory, traces(secrets)) == []
    galleries.close()


def test_an_erasure_of_nothing_rewrites_nothing(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, gallery, _ = filled
    gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test")
    written = {path: path.stat().st_mtime_ns for path in (directory / "g").iterdir()}
    assert gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test") == 0
    assert {path: path.stat().st_mtime_ns for path in (directory / "g").iterdir()} == written
    galleries.close()


@pytest.mark.parametrize("compacted", [False, True])
def test_a_large_gallery_that_was_emptied_is_searched_and_filled_again(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]], compacted: bool
) -> None:
    _, galleries, gallery, secrets = filled
    gallery.erase(Filter(until=datetime(2100, 1, 1, tzinfo=UTC)), by="test")
    if compacted:
        gallery.compact()
    for queries in (unit(1)[None], np.stack([unit(1), unit(2)])):
        assert gallery.search(queries, k=3, by="test") == [[]] * len(queries)
    gallery.upsert(secrets[:3], by="test")
    (found,) = gallery.search(secrets[1].embedding[None], k=1, by="test")
    assert found[0].sighting.id == secrets[1].id
    galleries.close()


def test_one_damaged_gallery_does_not_keep_what_the_others_must_forget(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, _, _ = filled
    galleries.create("a", SPEC, by="test").set_retention(1, by="test")
    galleries.close()
    (directory / "a" / "gallery.sqlite").write_bytes(b"rubbish" * 1000)
    again = EmbeddedGalleries(directory, durability="process", tuning=EAGER)
    again.open("g").upsert([OLD], by="test")
    again.open("g").set_retention(3_600, by="test")
    with pytest.raises(StorageFailed, match=r"a/gallery\.sqlite"):
        again.expire()
    assert again.open("g").count(Filter(persons=frozenset({"OLDSECRETS"}))) == 0
    again.close()


def test_an_expiry_that_failed_half_way_is_finished_by_the_next(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, gallery, _ = filled
    gallery.upsert([OLD], by="test")
    gallery.set_retention(3_600, by="test")

    def full() -> None:
        raise StorageFailed("the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery._storage, "_rewrite", full)
        with pytest.raises(StorageFailed, match="the disk is full"):
            galleries.expire()
    assert gallery.count(Filter(persons=frozenset({"OLDSECRETS"}))) == 0
    assert gallery._storage.store.erasing()
    assert galleries.expire() == 0
    assert not gallery._storage.store.erasing()
    assert occurrences(directory, [b"OLDSECRETS"]) == []
    galleries.close()


@pytest.mark.parametrize("meanwhile", ["nothing", "delete"])
@pytest.mark.parametrize("finished_by", ["erase", "thumbnails", "expiry", "opening"])
def test_an_erasure_that_failed_is_finished_by_whatever_comes_next(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]], finished_by: str, meanwhile: str
) -> None:
    directory, galleries, gallery, secrets = filled
    count = gallery.count(Filter(persons=frozenset({"SECRET"})))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "vacuum", disk_full)
        with pytest.raises(ErasureUnfinished, match="their bytes are still in the files"):
            gallery.erase(Filter(persons=frozenset({"SECRET"})), by="guard")
    if meanwhile == "delete":
        gallery.delete([gallery.page().sightings[0].id], by="test")
    if finished_by == "erase":
        assert gallery.erase(Filter(persons=frozenset({"nobody"})), by="test") == 0
    elif finished_by == "thumbnails":
        gallery.erase_thumbnails(by="test")
    elif finished_by == "expiry":
        galleries.expire()
    galleries.close()
    if finished_by == "opening":
        again = EmbeddedGalleries(directory, durability="process", tuning=EAGER)
        again.open("g")
        again.close()
    assert occurrences(directory, traces(secrets)) == []
    audit = "".join(path.read_text() for path in directory.glob("audit-*.jsonl"))
    assert f'"by": "guard", "action": "erase", "gallery": "g", "count": {count}, "finished": false' in audit


def test_pictures_whose_erasure_failed_are_erased_by_the_next(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, gallery, _ = filled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "vacuum", disk_full)
        with pytest.raises(ErasureUnfinished):
            gallery.erase_thumbnails(by="test")
    assert gallery.erase_thumbnails(by="test") == 0
    assert occurrences(directory, [b"SECRETjpeg", b"keep3jpeg"]) == []
    galleries.close()


def test_a_gallery_whose_erasure_cannot_be_finished_opens_and_says_so(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]], caplog: pytest.LogCaptureFixture
) -> None:
    directory, galleries, gallery, _ = filled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "vacuum", disk_full)
        with pytest.raises(ErasureUnfinished):
            gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test")
        galleries.close()
        again = EmbeddedGalleries(directory, durability="process", tuning=EAGER)
        assert again.open("g").count() > 0
        again.close()
    assert "the next erasure, expiry or opening tries again" in caplog.text


def test_nothing_of_a_gallery_is_written_outside_of_its_folder(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    """SQLite's temporary copy of everything: where the system keeps such there may be no room, or other readers."""
    directory, galleries, gallery, _ = filled
    seen: set[str] = set()

    def look() -> int:
        for link in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                seen.add(str(link.readlink()))
        return 0

    writer = gallery._storage.store.db._writer
    writer.execute("PRAGMA cache_size = 10")  # or so little is copied in memory
    writer.set_progress_handler(look, 50)
    gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test")
    galleries.close()
    temporary = [name for name in seen if "etilqs" in name]
    assert temporary
    assert all(name.startswith(f"{directory / 'g'}/") for name in temporary)


def test_expiry_leaves_no_byte(filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]]) -> None:
    directory, galleries, gallery, _ = filled
    gallery.upsert([OLD], by="test")
    gallery.set_retention(3_600, by="test")
    assert galleries.expire() == 1
    assert occurrences(directory, [b"OLDSECRETS", OLD.embedding.tobytes()[:32]]) == []
    galleries.close()


def test_an_interrupted_erasure_is_finished_at_the_next_opening(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]], caplog: pytest.LogCaptureFixture
) -> None:
    directory, galleries, gallery, secrets = filled
    storage = gallery._storage
    with pytest.MonkeyPatch.context() as patch:  # as if killed right after the commit
        patch.setattr(storage, "_rewrite", lambda: None)
        gallery.erase(Filter(persons=frozenset({"SECRET"})), by="test")
    assert storage.store.erasing()
    galleries.close()
    with caplog.at_level(logging.WARNING, "gallery_index"):
        again = EmbeddedGalleries(directory, durability="process", tuning=EAGER)
        assert not again.open("g")._storage.store.erasing()
    assert "finishing an erasure" in caplog.text
    assert occurrences(directory, traces(secrets)) == []
    again.close()


def test_drop_leaves_no_file(filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]]) -> None:
    directory, galleries, _, secrets = filled
    galleries.drop("g", by="test")
    assert occurrences(directory, traces(secrets)) == []
    assert not (directory / "g").exists()
    galleries.close()


def test_compaction_gives_the_space_back(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, gallery, _ = filled
    gallery.delete([s.id for s in gallery.page(Filter(cameras=frozenset({"c1"})), limit=1000).sightings], by="test")
    before = {e.id: e for e in gallery.read([s.id for s in gallery.page(limit=1000).sightings])}
    gallery.compact()
    assert np.flatnonzero(gallery._storage.engine.used).max() == gallery.count() - 1
    for entry in gallery.read(list(before)):
        assert np.array_equal(entry.embedding, before[entry.id].embedding)
        assert entry.thumbnail == before[entry.id].thumbnail
        (hits,) = gallery.search(entry.embedding[None], k=1, by="test")
        assert hits[0].sighting.id == entry.id
    galleries.close()
    assert verify(directory / "g") == []


def test_the_audit_log_says_who_and_when_but_no_biometrics(
    filled: tuple[Path, EmbeddedGalleries, EmbeddedGallery, list[Entry]],
) -> None:
    directory, galleries, gallery, secrets = filled
    gallery.search(unit(1)[None], k=3, where=Filter(attributes={"note": "SECRETNOTE"}), by="guard")
    gallery.erase(Filter(persons=frozenset({"SECRET"})), by="officer")
    galleries.close()
    (log,) = directory.glob("audit-*.jsonl")
    text = log.read_text()
    assert '"by": "officer", "action": "erase", "gallery": "g"' in text
    assert '"by": "guard", "action": "search"' in text
    assert '"attributes": ["note"]' in text
    assert "SECRETNOTE" not in text
    assert "jpeg" not in text
    assert "embedding" not in text
    assert not any(str(float(e.embedding[0])) in text for e in secrets)
