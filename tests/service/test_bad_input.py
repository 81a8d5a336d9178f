"""Every kind of bad input, with its status and the words the sender reads."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from reid_contract import EmbeddingSpec
from tests.service.fakes import DIM, MemoryGalleries

Crop = Callable[..., bytes]
JPEG = {"Content-Type": "image/jpeg"}


def png_bomb(side: int = 30_000) -> bytes:
    """A PNG of side × side black pixels in a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refused(answer: Any, status: int, *words: str) -> None:
    """The answer is a problem document of this status, and its detail has these words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    for word in words:
        assert word in problem["detail"]


@pytest.mark.parametrize("route", ["/embed", "/search"])
def test_no_image(client: TestClient, route: str) -> None:
    refused(client.post(route), 415, "content type is missing", "multipart/form-data")
    refused(client.post(route, content=b"", headers={"Content-Type": "application/x-crops"}), 422, "no image")
    refused(client.post(route, json={"images": []}), 422, "no image")


@pytest.mark.parametrize("route", ["/embed", "/search"])
def test_a_text_file(client: TestClient, route: str) -> None:
    form = {"images": ("notes.txt", b"a shopping list", "text/plain")}
    refused(client.post(route, files=form), 422, "crop 0", "not an image", "JPEG, PNG, WEBP")
    refused(
        client.post(route, content=b"hello", headers={"Content-Type": "text/plain"}), 415, "text/plain", "image/png"
    )


@pytest.mark.parametrize("route", ["/embed", "/search"])
def test_a_truncated_jpeg_names_its_place(client: TestClient, crop: Crop, route: str) -> None:
    files = [("images", ("a.jpg", crop(1), "image/jpeg")), ("images", ("b.jpg", crop(2)[:500], "image/jpeg"))]
    answer = client.post(route, files=files)
    refused(answer, 422, "crop 1", "damaged")
    assert answer.json()["index"] == 1


def test_a_png_bomb_is_refused_by_its_header(client: TestClient) -> None:
    bomb = png_bomb()
    assert len(bomb) < 200_000
    answer = client.post("/embed", content=bomb, headers={"Content-Type": "image/png"})
    refused(answer, 422, "crop 0", "far too many pixels", "allowed: 16,000,000")
    answer = client.post("/embed", content=png_bomb(5000), headers={"Content-Type": "image/png"})
    refused(answer, 422, "crop 0", "5000×5000", "25,000,000 pixels", "allowed: 16,000,000")


@pytest.mark.parametrize("kind", ["gif", "bmp", "tiff"])
def test_a_format_that_is_not_accepted(client: TestClient, crop: Crop, kind: str) -> None:
    answer = client.post("/embed", files={"images": crop(1, kind.upper())})
    refused(answer, 422, "not an image in an accepted format")


def test_an_empty_file(client: TestClient) -> None:
    refused(client.post("/embed", files={"images": ("empty.jpg", b"", "image/jpeg")}), 422, "crop 0", "empty (0 bytes)")
    refused(client.post("/embed", content=b"", headers=JPEG), 422, "crop 0", "empty (0 bytes)")


def test_a_wrong_field_name_is_told_the_right_one(client: TestClient, crop: Crop) -> None:
    refused(client.post("/embed", files={"file": crop(1)}), 422, "no field 'images'", "it has 'file'")


@pytest.mark.parametrize("k", [0, -1, 1001, 10**9, "many"])
def test_k_out_of_range(client: TestClient, crop: Crop, k: Any) -> None:
    refused(client.post(f"/search?k={k}", content=crop(1), headers=JPEG), 422, "k")
    refused(client.post("/search", json={"embeddings": [[1.0] * DIM], "k": k}), 422, "k")


@pytest.mark.parametrize("name", ["nobody", "UPPER", "../etc", "a" * 65])
def test_an_unknown_gallery(client: TestClient, crop: Crop, name: str) -> None:
    refused(client.post("/search", params={"gallery": name}, content=crop(1), headers=JPEG), 404, name)


def test_a_gallery_of_another_model(client: TestClient, galleries: MemoryGalleries, crop: Crop) -> None:
    galleries.create("old", EmbeddingSpec("resnet50-v1", 2048), by="test")
    search = client.post("/search?gallery=old", content=crop(1), headers=JPEG)
    refused(search, 409, "resnet50-v1", "grid-1")
    query = {"camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z"}
    refused(client.put("/galleries/old/entries/a", params=query, content=crop(1), headers=JPEG), 409, "resnet50-v1")
    refused(client.get("/galleries/old/entries"), 409, "resnet50-v1")
    refused(client.put("/galleries/old"), 409, "resnet50-v1")


def test_a_body_over_the_limit(start: Callable[..., TestClient]) -> None:
    client = start(max_body_mib=1, max_crops=2)
    refused(client.post("/embed", content=b"x" * (1024 * 1024 + 1), headers=JPEG), 413, "1 MiB")
    chunks = (b"x" * 65536 for _ in range(17))
    refused(client.post("/embed", content=chunks, headers=JPEG), 413, "1 MiB")
    three = struct.pack("<I", 0) * 3
    refused(client.post("/embed", content=three, headers={"Content-Type": "application/x-crops"}), 413, "more than 2")
    refused(client.post("/embed", json={"images": ["", "", ""]}), 413, "3 crops", "allowed: 2")


@pytest.mark.parametrize("body", [b"\x05\x00", b"\x05\x00\x00\x00abc", b"\xff\xff\xff\xffabc"])
def test_broken_framing(client: TestClient, body: bytes) -> None:
    refused(client.post("/embed", content=body, headers={"Content-Type": "application/x-crops"}), 422, "block 0")


def test_broken_forms(client: TestClient) -> None:
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=" + "x" * 300,
    ):
        refused(client.post("/embed", content=b"--y\r\nnonsense", headers={"Content-Type": kind}), 422, "multipart")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "body"),
        (b'{"images": "abc"}', "images"),
        (b'{"images": ["***"]}', "crop 0: not base64"),
        (b'{"images": [], "imagse": 1}', "imagse"),
        (b'{"images": ["aaaa"], "on_error": "ignore"}', "on_error"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_broken_json(client: TestClient, body: bytes, words: str) -> None:
    refused(client.post("/embed", content=body, headers={"Content-Type": "application/json"}), 422, words)


@pytest.mark.parametrize(
    "rows",
    [[], [[]], [[1.0]], [[0.0] * DIM], [["1"] * DIM], [[True] * DIM], [[1e308] * DIM], [[1.0], 2], {}, 3, [None]],
)
def test_embeddings_that_are_none(client: TestClient, rows: Any) -> None:
    refused(client.post("/search", json={"embeddings": rows}), 422, "embedding")


def test_raw_rows_that_are_none(client: TestClient) -> None:
    rows = {"Content-Type": "application/octet-stream"}
    refused(client.post("/search", content=b"abc", headers=rows), 422, "3 bytes", str(DIM))
    refused(client.post("/search", content=b"\xff" * (4 * DIM), headers=rows), 422, "not finite")
    refused(client.post("/embed", content=bytes(4 * DIM), headers=rows), 415, "application/octet-stream")


def test_embeddings_of_another_model(client: TestClient) -> None:
    refused(client.post("/search", json={"embeddings": [[1.0] * DIM], "model_id": "other"}), 409, "other", "grid-1")


def test_two_questions_at_once(client: TestClient) -> None:
    refused(client.post("/search", json={"like": "a", "embeddings": [[1.0] * DIM]}), 422, "exactly one")
    refused(client.post("/search", json={}), 422, "exactly one")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"camera": ["c1"]}',
        '{"since": "yesterday"}',
        '{"since": "2026-11-22T10:00:00"}',
        '{"since": 5}',
        '{"until": "0001-01-01T00:00:00+14:00"}',
        '{"attributes": {"a": {"b": 1}}}',
        '{"attributes": {"a": NaN}}',
    ],
)
def test_a_broken_filter(client: TestClient, crop: Crop, text: str) -> None:
    refused(client.post("/search", params={"filter": text}, content=crop(1), headers=JPEG), 422, "filter")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": None}, "id"),
        ({"id": "a/b"}, "id"),
        ({"id": ".."}, "id"),
        ({"id": "x" * 257}, "id"),
        ({"id": "nul\x00"}, "id"),
        ({"camera_id": ""}, "camera_id"),
        ({"captured_at": "2026-11-22T10:00:00"}, "time zone"),
        ({"captured_at": 1_763_800_000}, "captured_at"),
        ({"attributes": {"a": [1]}}, "attributes"),
        ({"attributes": {str(i): i for i in range(65)}}, "attributes"),
        ({"embedding": None}, "either an image or an embedding"),
        ({"image": "aaaa"}, "either an image or an embedding"),
        ({"embedding": [1.0]}, "48 numbers"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_entry(client: TestClient, change: dict[str, Any], words: str) -> None:
    entry = {"id": "a", "camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z", "embedding": [1.0] * DIM}
    answer = client.post("/galleries/default/entries", json={"entries": [entry | change]})
    refused(answer, 422, words)


def test_entries_and_crops_that_do_not_pair(client: TestClient, crop: Crop) -> None:
    entry = {"id": "a", "camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z"}
    url = "/galleries/default/entries"
    refused(client.post(url, files={"images": crop(1)}), 422, "one field 'entries'")
    two = {"data": {"entries": json.dumps([entry, entry])}, "files": {"images": crop(1)}}
    refused(client.post(url, **two), 422, "2 entries and 1 crops")
    twice = {"entries": [entry | {"embedding": [1.0] * DIM}] * 2}
    refused(client.post(url, json=twice), 422, "'a' appears more than once")


def test_a_compressed_body(client: TestClient) -> None:
    refused(client.post("/embed", content=b"x", headers=JPEG | {"Content-Encoding": "gzip"}), 415, "compressed")


@pytest.mark.parametrize("deadline", ["0", "-1", "soon", "9" * 10])
def test_a_wrong_deadline(client: TestClient, crop: Crop, deadline: str) -> None:
    refused(client.post("/embed", content=crop(1), headers=JPEG | {"X-Request-Deadline-Ms": deadline}), 422, "Deadline")


def test_what_is_not_there(client: TestClient) -> None:
    refused(client.get("/galleries/default/entries/nobody"), 404, "nobody")
    refused(client.get("/galleries/default/entries/nobody/thumbnail"), 404, "nobody")
    refused(client.get("/no/such/page"), 404)
    refused(client.post("/search", json={"like": "nobody"}), 404, "nobody")
    refused(client.delete("/embed"), 405)


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/search", "POST"), ("GET", "/embed", "POST"), ("HEAD", "/model", "GET")]
)
def test_a_method_that_a_path_does_not_know(client: TestClient, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/embed", "/search", "/galleries/default/entries"])
def test_an_option_among_the_fields_of_a_form(client: TestClient, crop: Crop, path: str) -> None:
    known = [{"id": "a", "camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z"}]
    fields = {"entries": json.dumps(known)} if path.endswith("entries") else {}
    answer = client.post(path, files={"images": crop(1)}, data=fields | {"on_error": "skip"})
    refused(answer, 422, "a field 'on_error'")
    assert client.post(path, files={"images": crop(1)}, data=fields).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/galleries/default/entries/a"), ("GET", "/galleries/default/entries/a"),
        ("GET", "/galleries/default/entries/a/thumbnail"), ("GET", "/galleries/default"),
        ("DELETE", "/galleries/default"), ("PUT", "/galleries/default"), ("GET", "/galleries"),
    ],
)  # fmt: skip
def test_an_option_where_there_is_none(client: TestClient, method: str, path: str) -> None:
    refused(client.request(method, f"{path}?person_id=p"), 422, "no options; the address has person_id")
    assert client.get("/galleries").json() == {"galleries": ["default"]}


def test_a_retention_that_is_no_number(client: TestClient) -> None:
    for days in (True, "7", 7.0, 0):
        refused(client.put("/galleries/default", json={"retention_days": days}), 422, "retention_days")


def test_erasing_everything_by_accident(client: TestClient) -> None:
    refused(client.delete("/galleries/default/entries"), 422, "person_id, camera_id, since or until")


def test_text_of_the_operating_system_stays_inside(
    start: Callable[..., TestClient], galleries: MemoryGalleries
) -> None:
    from gallery_index.errors import StorageFailed

    client = start()

    def full(*_: object, **__: object) -> None:
        raise StorageFailed("/srv/secret/place: disk full")

    galleries.all["default"].info = full  # type: ignore[method-assign,assignment]
    answer = client.get("/galleries/default")
    refused(answer, 503)
    assert "secret" not in answer.text
    galleries.all["default"].info = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    answer = client.get("/galleries/default")
    refused(answer, 500)
    assert "division" not in answer.text


def test_a_bmp_in_disguise(client: TestClient, crop: Crop) -> None:
    answer = client.post("/embed", content=crop(1, "BMP"), headers=JPEG)
    refused(answer, 422, "not an image in an accepted format")
    assert io.BytesIO(crop(1, "BMP")).read(2) == b"BM"
