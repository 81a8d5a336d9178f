"""What can go wrong with a directory: each a clear error or an automatic rebuild, never a wrong answer."""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from gallery_index import DirectoryInUse, Entry, InvalidRequest, ModelMismatch, StorageFailed, connect
from gallery_index.directory import EmbeddedGalleries
from gallery_index.tuning import Tuning
from gallery_index.verify import verify
from reid_contract import EmbeddingSpec

DIM = 32
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)
EAGER = Tuning(
    coarse_from=50, scan_below=2, scan_share=0.0, batch_scan_share=0.0, two_stage_share=4.0, batch_two_stage_share=4.0
)


def make(number: int) -> Entry:
    row = np.random.default_rng(number).standard_normal(DIM)
    return Entry(
        f"e{number:03d}", "c0", datetime(2026, 1, 1, tzinfo=UTC), (row / np.linalg.norm(row)).astype(np.float32)
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A gallery of 200 entries with a snapshot, closed."""
    galleries = EmbeddedGalleries(tmp_path, durability="process", tuning=EAGER)
    galleries.create("g", SPEC, by="test").upsert([make(i) for i in range(200)], by="test")
    galleries.close()
    assert (tmp_path / "g" / "coarse.snapshot").exists()
    return tmp_path


def reopened(directory: Path) -> Iterator[EmbeddedGalleries]:
    galleries = EmbeddedGalleries(directory, durability="process", tuning=EAGER)
    try:
        yield galleries
    finally:
        galleries.close()


def check_answers(directory: Path) -> None:
    for galleries in reopened(directory):
        gallery = galleries.open("g", SPEC)
        for number in range(0, 200, 17):
            (hits,) = gallery.search(make(number).embedding[None], k=1, by="test")
            assert hits[0].sighting.id == f"e{number:03d}"
    assert verify(directory / "g") == []


def edit_header(path: Path, *, seal: bool = True, **changes: object) -> None:
    header, _, rest = path.read_bytes().partition(b"\n")
    body = json.dumps(json.loads(header) | changes).encode() + b"\n" + rest[:-4]
    path.write_bytes(body + (zlib.crc32(body).to_bytes(4, "little") if seal else rest[-4:]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "there is no snapshot"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(b"\x00" * 5000), "no header"),
        (lambda path: path.write_bytes(path.read_bytes()[:-300]), "torn"),
        (lambda path: path.write_bytes(path.read_bytes()[:-300] + b"\x01" * 300), "torn"),
        (lambda path: edit_header(path, model_id="other-ba9876543210"), "model_id is 'other-ba9876543210'"),
        (lambda path: edit_header(path, format=99), "format is 99"),
        (lambda path: edit_header(path, faiss="0.0"), "faiss is '0.0'"),
        (lambda path: edit_header(path, seq=1_000_000), "at write 1000000"),
        (lambda path: edit_header(path, slots=[64], seal=False), "torn"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"seq"', b'"sfq"', 1)), "torn"),
    ],
)
def test_a_bad_snapshot_is_rebuilt_and_said(
    directory: Path, damage: Callable[[Path], object], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(directory / "g" / "coarse.snapshot")
    with caplog.at_level(logging.WARNING, "gallery_index"):
        check_answers(directory)
    assert message in caplog.text
    assert "encoding 200 entries anew" in caplog.text


def test_a_good_snapshot_is_used_without_a_word(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_answers(directory)
    assert caplog.text == ""


@pytest.mark.parametrize("keep", [0, 100, 4096, 20_000])
def test_a_truncated_sqlite_file_is_a_clear_error(directory: Path, keep: int) -> None:
    file = directory / "g" / "gallery.sqlite"
    os.truncate(file, keep)
    for galleries in reopened(directory):
        with pytest.raises(StorageFailed, match=r"gallery\.sqlite"):
            galleries.open("g")
    assert verify(directory / "g") != []


def test_a_sqlite_file_of_rubbish_is_a_clear_error(directory: Path) -> None:
    file = directory / "g" / "gallery.sqlite"
    file.write_bytes(b"rubbish" * 10_000)
    for galleries in reopened(directory):
        with pytest.raises(StorageFailed, match="restore it from a backup or import an export"):
            galleries.open("g")


def test_another_format_is_named(directory: Path) -> None:
    with sqlite3.connect(directory / "g" / "gallery.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '7' WHERE key = 'format'")
    connection.close()
    for galleries in reopened(directory):
        with pytest.raises(StorageFailed, match="format 7, this version reads format 1"):
            galleries.open("g")


def test_a_cut_vector_file_is_a_clear_error(directory: Path) -> None:
    os.truncate(directory / "g" / "vectors.f32", 1000)
    for galleries in reopened(directory):
        with pytest.raises(StorageFailed, match=r"vectors\.f32 holds 7 embeddings, the gallery knows of 200"):
            galleries.open("g")
    assert "holds 7 embeddings" in verify(directory / "g")[-1]


def test_verify_finds_a_flipped_bit(directory: Path) -> None:
    assert verify(directory / "g") == []
    file = directory / "g" / "vectors.f32"
    data = bytearray(file.read_bytes())
    data[5 * DIM * 4] ^= 1
    file.write_bytes(data)
    assert any("slot 5 does not have the checksum" in complaint for complaint in verify(directory / "g"))


def test_verify_finds_wrong_attributes_and_codes(directory: Path) -> None:
    with sqlite3.connect(directory / "g" / "gallery.sqlite") as connection:
        connection.execute("INSERT INTO attribute VALUES ('hat', 'true', 3)")
        connection.execute("INSERT INTO thumbnail VALUES (999, x'00')")
    connection.close()
    complaints = verify(directory / "g")
    assert any("1 attributes differ" in complaint for complaint in complaints)
    assert any("1 thumbnails belong to no entry" in complaint for complaint in complaints)


def test_two_processes_on_one_directory(directory: Path) -> None:
    program = (
        "import sys\nfrom gallery_index import connect, DirectoryInUse\n"
        "try: connect(sys.argv[1])\nexcept DirectoryInUse as error: print(error)"
    )
    for _ in reopened(directory):
        run = subprocess.run(
            [sys.executable, "-c", program, f"file:{directory}"], capture_output=True, text=True, check=True
        )
        assert "in use by another process" in run.stdout
        with pytest.raises(DirectoryInUse):  # twice in one process is refused too
            connect(f"file:{directory}")
    check_answers(directory)


def run_limited(directory: Path, program: str, limit: int | None = None, **options: object) -> str:
    """A process for which the disk is full: no file may grow beyond `limit` bytes."""

    def preexec() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    run = subprocess.run(
        [sys.executable, "-c", program, str(directory)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=preexec,
        **options,  # type: ignore[call-overload]
    )
    assert run.returncode == 0, run.stderr
    return str(run.stdout)


FILL = """
import sys, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from gallery_index import Entry, StorageFailed
from gallery_index.directory import EmbeddedGalleries
galleries = EmbeddedGalleries(Path(sys.argv[1]), durability="full")
gallery = galleries.open("g")
rng = np.random.default_rng(0)
stored = 0
for batch in range(1000):
    rows = rng.standard_normal((50, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    try:
        gallery.upsert([Entry(f"f{batch}-{i}", "c0", datetime.now(UTC), row, thumbnail=b"x" * 3000)
                        for i, row in enumerate(rows)], by="test")
        stored += 50
    except StorageFailed as error:
        print(stored, gallery.count(), error)
        break
gallery.search(rows[:1], k=3, by="test")
galleries.close()
"""


def test_a_full_disk_refuses_the_batch_and_keeps_what_was_acknowledged(directory: Path) -> None:
    told = run_limited(directory, FILL, limit=(directory / "g" / "vectors.f32").stat().st_size)
    stored, count, error = told.split(maxsplit=2)
    assert int(stored) > 0
    assert int(count) == 200 + int(stored)
    assert "full" in error or "large" in error or "I/O" in error
    for galleries in reopened(directory):
        assert galleries.open("g").count() == 200 + int(stored)
    assert verify(directory / "g") == []


def test_a_vector_file_that_cannot_grow_refuses_the_batch(directory: Path) -> None:
    wide = EmbeddingSpec("wide-0123456789ab", 4096)
    entries = [replace(make(i), embedding=np.eye(1, 4096, i, np.float32)[0]) for i in range(1100)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for galleries in reopened(directory):
        gallery = galleries.create("wide", wide, by="test")
        gallery.upsert(entries[:3], by="test")
        limit = (directory / "wide" / "vectors.f32").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            with pytest.raises(StorageFailed, match="File too large"):
                gallery.upsert(entries, by="test")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert gallery.count() == 3
        assert gallery.upsert(entries, by="test") == 1097
    assert verify(directory / "wide") == []


READ_ONLY = """
import os, sys
from gallery_index import StorageFailed, connect
if os.geteuid() == 0:
    os.setuid(65534)  # permissions do not bind root
try:
    connect(f"file:{sys.argv[1]}").open("g")
except StorageFailed as error:
    print(error)
"""


@pytest.mark.parametrize("what", ["directory", "gallery"])
def test_a_read_only_directory_is_a_clear_error(directory: Path, what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        copy = Path(folder) / "data"
        shutil.copytree(directory, copy)
        copy.parent.chmod(0o755)
        for path in [copy, *copy.rglob("*")]:
            mine = what == "directory" or "g" in path.relative_to(copy).parts
            path.chmod((0o555 if path.is_dir() else 0o444) if mine else (0o777 if path.is_dir() else 0o666))
        said = run_limited(copy, READ_ONLY)
        assert "ermission denied" in said or "readonly" in said
        assert str(copy) in said


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="file cannot be used"):
        connect(f"file:{tmp_path / 'file'}")


def test_what_an_interrupted_create_or_drop_left_is_removed(directory: Path) -> None:
    left = [directory / f"{kind}-{uuid4().hex}" for kind in (".dropped", ".new")]
    for folder in left:
        folder.mkdir()
        (folder / "vectors.f32").write_bytes(b"x")
    for galleries in reopened(directory):
        assert galleries.names() == ["g"]
    assert not any(folder.exists() for folder in left)


def test_folders_beside_the_galleries_are_no_galleries(directory: Path) -> None:
    shutil.copytree(directory / "g", directory / "g.bak")
    for galleries in reopened(directory):
        assert galleries.names() == ["g"]
        assert galleries.expire() == 0


def test_a_gallery_without_its_sqlite_file_is_told_so_and_stays(directory: Path) -> None:
    (directory / "g" / "gallery.sqlite").unlink()
    for galleries in reopened(directory):
        with pytest.raises(StorageFailed, match=r"g is there without its gallery\.sqlite; restore that, or move"):
            galleries.create("g", SPEC, by="test")
        with pytest.raises(InvalidRequest, match="not 'lock'"):
            galleries.create("lock", SPEC, by="test")
    assert (directory / "g" / "vectors.f32").exists()
    assert not list(directory.glob(".new-*"))


def test_after_closing_nothing_opens_without_the_lock(directory: Path) -> None:
    for galleries in reopened(directory):
        galleries.open("g")
    for change in (
        lambda: galleries.open("g"),
        lambda: galleries.create("h", SPEC, by="test"),
        lambda: galleries.drop("g", by="test"),
    ):
        with pytest.raises(StorageFailed, match="is closed"):
            change()


def test_hidden_things_of_others_stay(directory: Path) -> None:
    (directory / ".Trash-1000").mkdir()
    (directory / ".Trash-1000" / "kept").write_text("mine")
    (directory / ".a-file").write_text("mine")
    for galleries in reopened(directory):
        assert galleries.names() == ["g"]
    assert (directory / ".Trash-1000" / "kept").read_text() == "mine"
    assert (directory / ".a-file").read_text() == "mine"


def test_a_compaction_that_was_killed_leaves_a_gallery_that_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed after the vector file became shorter, before the snapshot did: it still has the slots of before."""
    rows = np.random.default_rng(0).standard_normal((1_100, 4_096)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    spec, then = EmbeddingSpec("wide-0123456789ab", 4_096), datetime(2026, 1, 1, tzinfo=UTC)
    entries = [Entry(f"e{i:04d}", "c0", then, row) for i, row in enumerate(rows)]
    galleries = EmbeddedGalleries(tmp_path, durability="process", tuning=EAGER)
    gallery = galleries.create("g", spec, by="test")
    gallery.upsert(entries, by="test")
    gallery._storage._snapshot()
    gallery.delete([entry.id for entry in entries[:1_000]], by="test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery._storage, "_rewrite", lambda: None)
        patch.setattr(gallery._storage, "_snapshot", lambda: None)
        gallery.compact()
        galleries.close()
    for again in reopened(tmp_path):
        for entry in entries[1_000:]:
            assert again.open("g").search(entry.embedding[None], k=1, by="test")[0][0].sighting.id == entry.id
    assert "from before a compaction" in caplog.text


def test_a_refused_opening_leaves_no_file_open(directory: Path) -> None:
    os.truncate(directory / "g" / "vectors.f32", 0)
    for galleries in reopened(directory):
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            with pytest.raises(StorageFailed, match="holds 0 embeddings"):
                galleries.open("g")
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_write_that_is_stored_is_never_called_refused(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is left to do after the commit may fail; it is done with a later write."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for galleries in reopened(directory):
        gallery = galleries.open("g")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gallery._storage, "_tidy_up", full)
            patch.setattr(gallery._storage.vectors, "wipe", full)
            assert gallery.upsert([make(3), make(500)], by="camera") == 1
            assert gallery.delete(["e004"], by="camera") == 1
        assert "No space left on device" in caplog.text
        assert gallery.upsert([make(501)], by="camera") == 1
        assert gallery.count() == 201
    assert verify(directory / "g") == []
    audit = "".join(path.read_text() for path in directory.glob("audit-*.jsonl"))
    assert audit.count('"by": "camera"') == 3


def test_a_drop_that_cannot_remove_the_files_is_a_clear_error_and_noted(directory: Path) -> None:
    def full(_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for galleries in reopened(directory):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gallery_index.directory.shutil.rmtree", full)
            with pytest.raises(StorageFailed, match=r"g cannot be dropped: Input/output error"):
                galleries.drop("g", by="test")
        assert galleries.names() == []
    assert '"action": "drop"' in "".join(path.read_text() for path in directory.glob("audit-*.jsonl"))
    for _ in reopened(directory):  # removes what was left
        assert not list(directory.glob(".dropped-*"))


def test_urls(tmp_path: Path) -> None:
    for url in ("", "file:", "sqlite:x", str(tmp_path), "file://host/x"):
        with pytest.raises(InvalidRequest, match="gallery URL"):
            connect(url)


def test_another_model_is_refused_after_reopening(directory: Path) -> None:
    for galleries in reopened(directory):
        with pytest.raises(ModelMismatch, match="other-ba9876543210"):
            galleries.open("g", EmbeddingSpec("other-ba9876543210", DIM))
