"""The command line as an operator uses it."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from gallery_index import Entry, connect
from gallery_index.__main__ import main
from gallery_index.transfer import export_gallery, import_gallery
from reid_contract import EmbeddingSpec

DIM = 16
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)


def make(number: int) -> Entry:
    from datetime import UTC, datetime, timedelta

    row = np.random.default_rng(number).standard_normal(DIM)
    return Entry(
        f"e{number:04d}",
        f"c{number % 2}",
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number % 7),
        (row / np.linalg.norm(row)).astype(np.float32),
        f"p{number // 10}" if number % 10 else None,
        {"note": f"ü{number}"},
        b"a-picture" if number % 3 else None,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    galleries = connect(f"file:{tmp_path / 'data'}", durability="process")
    galleries.create("people", SPEC, by="test").upsert([make(i) for i in range(300)], by="test")
    galleries.close()
    return tmp_path / "data"


def test_info(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(directory)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["entries"] == 300
    assert told["model_id"] == SPEC.model_id
    assert told["cameras"] == {"c0": 150, "c1": 150}


def test_verify(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(directory)]) == 0
    assert "people: all is well" in capsys.readouterr().out
    with (directory / "people" / "vectors.f32").open("r+b") as file:
        file.write(b"\x01")
    assert main(["verify", f"file:{directory}", "--gallery", "people"]) == 1
    assert "slot 0 does not have the checksum" in capsys.readouterr().out


def test_erase_and_compact(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", str(directory), "--person", "p1", "--person", "p2"]) == 0
    assert "people: 18 entries erased" in capsys.readouterr().out
    assert main(["erase", str(directory), "--until", "2026-01-03T00:00:00Z", "--camera", "c0"]) == 0
    assert main(["compact", str(directory)]) == 0
    assert "MiB now" in capsys.readouterr().out
    assert main(["verify", str(directory)]) == 0


def test_a_gallery_that_fails_does_not_keep_what_is_in_the_others(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    galleries = connect(f"file:{directory}")
    galleries.create("another", SPEC, by="test").upsert([make(1)], by="test")
    galleries.close()
    os.truncate(directory / "another" / "vectors.f32", 0)
    assert main(["erase", str(directory), "--person", "p1"]) == 1
    told = capsys.readouterr()
    assert "holds 0 embeddings" in told.err
    assert "people: 9 entries erased" in told.out


def test_pictures_alone_are_erased(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def with_pictures() -> list[str]:
        return [path.name for path in (directory / "people").iterdir() if b"a-picture" in path.read_bytes()]

    assert with_pictures()
    assert main(["erase-thumbnails", str(directory), "--gallery", "people"]) == 0
    assert not with_pictures()
    assert main(["erase-thumbnails", str(directory)]) == 0
    told = capsys.readouterr().out
    assert "people: 200 thumbnails erased" in told
    assert "people: 0 thumbnails erased" in told
    assert main(["verify", str(directory)]) == 0
    galleries = connect(f"file:{directory}")
    gallery = galleries.open("people", SPEC)
    assert gallery.count() == 300
    assert gallery.thumbnail("e0001") is None
    assert not gallery.get("e0001").has_thumbnail
    assert gallery.search(make(1).embedding[None], k=1, by="test")[0][0].sighting.id == "e0001"
    galleries.close()
    audit = "".join(path.read_text() for path in directory.glob("audit-*.jsonl"))
    assert '"action": "erase", "gallery": "people", "count": 200, "what": "thumbnails"' in audit


def test_export_and_import(directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = tmp_path / "export"
    assert main(["export", str(directory), str(export), "--gallery", "people"]) == 0
    assert "300 entries exported" in capsys.readouterr().out
    assert main(["import", str(tmp_path / "other"), str(export), "--gallery", "moved"]) == 0
    galleries = connect(f"file:{tmp_path / 'other'}")
    moved = galleries.open("moved", SPEC).read([make(i).id for i in range(300)])
    galleries.close()
    for number, entry in enumerate(moved):
        given = make(number)
        np.testing.assert_allclose(entry.embedding, given.embedding, atol=1e-6)
        assert (entry.person_id, entry.camera_id, entry.captured_at) == (
            given.person_id,
            given.camera_id,
            given.captured_at,
        )
        assert (dict(entry.attributes), entry.thumbnail) == (given.attributes, given.thumbnail)


def test_an_export_is_its_owners_and_keeps_retention_and_odd_text(tmp_path: Path) -> None:
    galleries = connect(f"file:{tmp_path / 'data'}", durability="process")
    gallery = galleries.create("people", SPEC, by="test")
    notes = ["a\u2028b", "a\u2029b", "a\x85b", "a\x0bb", "ü"]
    gallery.upsert([replace(make(i), attributes={"note": note}) for i, note in enumerate(notes)], by="test")
    gallery.set_retention(30_000, by="test")
    export_gallery(gallery, tmp_path / "export")
    assert stat.S_IMODE((tmp_path / "export").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "export").iterdir()} == {0o600}
    assert import_gallery(galleries, "moved", tmp_path / "export", by="test") == len(notes)
    moved = galleries.open("moved")
    assert moved.info().retention_days == 30_000
    assert [moved.get(make(i).id).attributes["note"] for i in range(len(notes))] == notes
    galleries.close()


def test_an_import_leaves_the_retention_of_a_gallery_with_entries_alone(tmp_path: Path) -> None:
    galleries = connect(f"file:{tmp_path / 'data'}", durability="process")
    gallery = galleries.create("people", SPEC, by="test")
    gallery.upsert([make(1)], by="test")
    gallery.set_retention(30, by="test")
    export_gallery(gallery, tmp_path / "export")
    galleries.create("archive", SPEC, by="test").upsert([make(2)], by="test")
    galleries.create("strict", SPEC, by="test").set_retention(7, by="test")
    for name, kept in (("archive", None), ("strict", 7), ("fresh", 30)):
        import_gallery(galleries, name, tmp_path / "export", by="test")
        assert galleries.open(name).info().retention_days == kept
    galleries.close()


def test_an_older_export_has_no_retention(tmp_path: Path) -> None:
    galleries = connect(f"file:{tmp_path / 'data'}", durability="process")
    gallery = galleries.create("people", SPEC, by="test")
    gallery.upsert([make(1)], by="test")
    export_gallery(gallery, tmp_path / "export")
    told = json.loads((tmp_path / "export" / "manifest.json").read_text())
    del told["retention_days"]
    (tmp_path / "export" / "manifest.json").write_text(json.dumps(told))
    assert import_gallery(galleries, "moved", tmp_path / "export", by="test") == 1
    assert galleries.open("moved").info().retention_days is None
    galleries.close()


def manifest(**changes: object) -> bytes:
    told = {"format": 1, "model_id": SPEC.model_id, "dim": DIM, "entries": 300, "retention_days": None}
    return json.dumps(told | changes).encode()


def npz(embeddings: np.ndarray) -> bytes:
    file = BytesIO()
    np.savez(file, embeddings=embeddings)
    return file.getvalue()


def line(**changes: object) -> bytes:
    told = {
        "id": "e0000",
        "camera_id": "c0",
        "captured_at": "2026-01-01T00:00:00Z",
        "person_id": None,
        "attributes": {},
    }
    return json.dumps(told | changes).encode() + b"\n"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.json", b"{", "manifest.json is not JSON"),
        ("manifest.json", b'{"format": 1}', "manifest.json lacks dim, entries, model_id"),
        ("manifest.json", manifest(dim="16"), "manifest.json: embedding.dim is '16'"),
        ("manifest.json", manifest(entries="all"), "manifest.json: entries is 'all'"),
        ("manifest.json", manifest(retention_days=0), "manifest.json: retention_days is 0"),
        ("manifest.json", manifest(entries=10_300), "has 300 entries, its manifest.json says 10300: a part is missing"),
        ("part-00000.npz", b"PK\x03\x04 torn", "part-00000.npz is not a part of an export"),
        ("part-00000.npz", b"", "part-00000.npz is not a part of an export"),
        ("part-00000.npz", npz(np.zeros(300, np.float32)), "part-00000.npz are float32 of shape (300,)"),
        ("part-00000.npz", npz(np.full((300, DIM), "x")), "part-00000.npz are <U1"),
        ("part-00000.npz", npz(np.zeros((300, DIM), np.float32)), "lines 1 to 256: embedding of 'e0000' has length 0"),
        ("part-00000.jsonl", b"{}\n", "has 1 lines for 300 embeddings"),
        ("part-00000.jsonl", b"{}\n" * 300, "part-00000.jsonl, line 1 is no entry: KeyError: 'attributes'"),
        ("manifest.json", b"[" * 100_000, "manifest.json is not JSON"),
        ("part-00000.jsonl", b"[" * 100_000 + b"\n" + b"{}\n" * 299, "line 1 is no entry: RecursionError"),
        ("part-00000.jsonl", line(attributes={"n": 10**400}) * 300, "attributes of 'e0000'['n'] is 1000"),
        (
            "part-00000.jsonl",
            line(captured_at="0001-01-01T00:00:00+14:00") * 300,
            "allowed: the years 1 to 9999 in UTC",
        ),
        ("part-00000.jsonl", b'{"attributes": []}\n' * 300, "part-00000.jsonl, line 1 is no entry: TypeError"),
    ],
)
def test_a_damaged_export_ends_in_one_line(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, content: bytes, message: str
) -> None:
    export = tmp_path / "export"
    assert main(["export", str(directory), str(export), "--gallery", "people"]) == 0
    (export / file).write_bytes(content)
    capsys.readouterr()
    assert main(["import", str(tmp_path / "other"), str(export), "--gallery", "moved"]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "DATA", "--gallery", "nobody"], "there is no gallery 'nobody'; there are: people"),
        (["erase", "DATA"], "the filter of an erasure is empty"),
        (["erase", "DATA", "--until", "yesterday"], "--until is 'yesterday'"),
        (["erase", "DATA", "--until", "2026-01-01"], "a time with a zone"),
        (["verify", "DATA/nowhere"], "is not a directory"),
        (["import", "DATA", "DATA", "--gallery", "x"], "has no manifest.json"),
        (["export", "DATA", "DATA/people", "--gallery", "people"], "is not empty"),
        (["verify", "milvus://localhost:1"], "a data directory"),
    ],
)
def test_bad_input_ends_in_one_line(
    directory: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.replace("DATA", str(directory)) for argument in arguments]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_directory_in_use_is_named(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    galleries = connect(f"file:{directory}")
    assert main(["info", str(directory)]) == 1
    assert "in use by another process" in capsys.readouterr().err
    galleries.close()


def test_an_import_of_nothing_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "other"), str(tmp_path / "export"), "--gallery", "people"]) == 1
    assert "has no manifest.json" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_user_without_a_name_has_a_number(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert main(["erase", str(directory), "--person", "p1"]) == 0
    assert f'"by": "uid {os.getuid()}"' in "".join(path.read_text() for path in directory.glob("audit-*.jsonl"))


def test_a_name_that_is_no_text_is_told_so(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", str(directory), "--person", "\udcff"]) == 1
    assert "error: a name in filter.persons is" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["info", "verify", "compact", "erase", "erase-thumbnails", "export", "import"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert "DIR" in capsys.readouterr().out
