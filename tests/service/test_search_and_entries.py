"""Enrolment and search through HTTP, in every form of body."""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from starlette.testclient import TestClient

from reid_contract import Calibration, EmbeddingSpec
from tests.service.fakes import DIM, FakeEncoder, MemoryGalleries

Crop = Callable[..., bytes]
Start = Callable[..., TestClient]
JPEG = {"Content-Type": "image/jpeg"}
CROPS = {"Content-Type": "application/x-crops"}
ENTRIES = "/galleries/default/entries"


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z", **more}


def framed(*blocks: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(block)) + block for block in blocks)


@pytest.fixture
def enrolled(client: TestClient, crop: Crop) -> TestClient:
    """Six entries of three persons on two cameras; entry i shows the crop of seed i."""
    listed = [
        entry(f"e{i}", person_id=f"p{i // 2}", camera_id=f"c{i % 2}", attributes={"hat": i % 3 == 0}) for i in range(6)
    ]
    answer = client.post(ENTRIES, content=framed(json.dumps(listed).encode(), *map(crop, range(6))), headers=CROPS)
    assert answer.json() == {"gallery": "default", "enrolled": 6, "created": 6, "errors": []}
    return client


def ids(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return [[match["id"] for match in result["matches"]] for result in answer.json()["results"]]


def test_every_body_of_an_enrolment_stores_the_same(client: TestClient, galleries: MemoryGalleries, crop: Crop) -> None:
    text = base64.b64encode(crop(3)).decode()
    row = client.post("/embed", content=crop(3), headers=JPEG).json()["embeddings"][0]
    answers = [
        client.post(ENTRIES, json={"entries": [entry("json", image=text)]}),
        client.post(ENTRIES, json={"entries": [entry("row", embedding=[7 * x for x in row], model_id="grid-1")]}),
        client.post(ENTRIES, data={"entries": json.dumps([entry("form")])}, files={"images": crop(3)}),
        client.post(ENTRIES, content=framed(json.dumps([entry("crops")]).encode(), crop(3)), headers=CROPS),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    known = {key: value for key, value in entry("x").items() if key != "id"}
    assert client.put(f"{ENTRIES}/put", json=known | {"image": text}).status_code == 201
    assert client.put(f"{ENTRIES}/raw", params=known, content=crop(3), headers=JPEG).status_code == 201
    stored = galleries.all["default"].entries
    assert set(stored) == {"json", "row", "form", "crops", "put", "raw"}
    for one in stored.values():
        np.testing.assert_allclose(one.embedding, row, atol=1e-6)
        assert one.captured_at.isoformat() == "2026-11-22T10:00:00+00:00"


def test_enrolment_is_idempotent(client: TestClient, crop: Crop) -> None:
    params = {"camera_id": "c1", "captured_at": "2026-11-22T11:00:00+01:00", "attributes": '{"hat": true}'}
    statuses = [client.put(f"{ENTRIES}/a", params=params, content=crop(1), headers=JPEG).status_code for _ in range(3)]
    assert statuses == [201, 200, 200]
    assert client.get(f"{ENTRIES}/a").json() == {
        "id": "a", "person_id": None, "camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z",
        "attributes": {"hat": True}, "has_thumbnail": False,
    }  # fmt: skip
    assert client.get("/galleries/default").json()["entries"] == 1


def test_a_bad_crop_leaves_the_other_entries_alone_where_asked(client: TestClient, crop: Crop) -> None:
    body = framed(json.dumps([entry("a"), entry("b"), entry("c")]).encode(), crop(1), b"junk", crop(2))
    assert client.post(ENTRIES, content=body, headers=CROPS).status_code == 422
    assert client.get("/galleries/default").json()["entries"] == 0
    answer = client.post(f"{ENTRIES}?on_error=skip", content=body, headers=CROPS).json()
    assert (answer["enrolled"], answer["created"]) == (2, 2)
    assert [(e["index"], e["id"]) for e in answer["errors"]] == [(1, "b")]
    assert [e["id"] for e in client.get(ENTRIES).json()["entries"]] == ["a", "c"]


def test_the_right_person_is_found(enrolled: TestClient, crop: Crop) -> None:
    answer = enrolled.post("/search?k=3", content=framed(crop(4), crop(1)), headers=CROPS)
    assert [found[0] for found in ids(answer)] == ["e4", "e1"]
    best = answer.json()["results"][0]["matches"][0]
    assert best["score"] == pytest.approx(1, abs=1e-5)
    assert best["probability"] is None
    assert best["person_id"] == "p2"


def test_every_kind_of_query_finds_the_same(enrolled: TestClient, crop: Crop) -> None:
    row = enrolled.post("/embed", content=crop(2), headers=JPEG).json()["embeddings"][0]
    answers = [
        enrolled.post("/search", content=crop(2), headers=JPEG),
        enrolled.post("/search", files={"images": crop(2)}),
        enrolled.post("/search", json={"images": [base64.b64encode(crop(2)).decode()]}),
        enrolled.post("/search", json={"embeddings": [row], "model_id": "grid-1"}),
        enrolled.post(
            "/search", content=np.float32(row).tobytes(), headers={"Content-Type": "application/octet-stream"}
        ),
    ]
    assert all(ids(answer) == ids(answers[0]) for answer in answers)
    assert ids(answers[0])[0][0] == "e2"


def test_more_like_this_leaves_the_entry_itself_out(enrolled: TestClient, crop: Crop) -> None:
    everyone = ids(enrolled.post("/search", content=crop(2), headers=JPEG))[0]
    assert ids(enrolled.post("/search", json={"like": "e2", "k": 5}))[0] == everyone[1:]


def test_options_reach_the_gallery(enrolled: TestClient, crop: Crop) -> None:
    def search(**options: Any) -> list[list[str]]:
        return ids(enrolled.post("/search", params=options, content=crop(2), headers=JPEG))

    assert set(search(filter='{"cameras": ["c1"]}')[0]) == {"e1", "e3", "e5"}
    assert set(search(filter='{"not_persons": ["p1"], "attributes": {"hat": true}}')[0]) == {"e0"}
    assert search(filter='{"until": "2026-11-22T10:00:00Z"}') == [[]]
    assert search(min_score=0.99) == [["e2"]]
    assert len(search(group_by="person")[0]) == 3
    body = {"images": [base64.b64encode(crop(2)).decode()], "filter": {"cameras": ["c1"]}, "k": 2}
    assert len(ids(enrolled.post("/search", json=body))[0]) == 2


def test_a_track_is_one_query(enrolled: TestClient, crop: Crop) -> None:
    answer = enrolled.post("/search?fuse=best&k=2", content=framed(crop(4), crop(1)), headers=CROPS)
    assert [set(found) for found in ids(answer)] == [{"e4", "e1"}]
    assert answer.json()["results"][0]["query"] == 0


def test_skipped_queries_keep_the_places_of_the_others(enrolled: TestClient, crop: Crop) -> None:
    answer = enrolled.post("/search?on_error=skip", content=framed(b"junk", crop(5)), headers=CROPS).json()
    assert [result["query"] for result in answer["results"]] == [1]
    assert [error["index"] for error in answer["errors"]] == [0]
    nothing = enrolled.post("/search?on_error=skip", content=framed(b"junk"), headers=CROPS).json()
    assert (nothing["results"], len(nothing["errors"])) == ([], 1)


def test_probability_comes_from_the_models_calibration(start: Start, crop: Crop) -> None:
    encoder = FakeEncoder()
    encoder.embedding = EmbeddingSpec(
        "grid-1", DIM, calibration=Calibration((-1.0, 0.5, 1.0), (0.0, 0.1, 0.9), (), 0.5, "two drawn people")
    )
    client = start(encoder)
    client.post(ENTRIES, content=framed(json.dumps([entry("a"), entry("b")]).encode(), crop(1), crop(2)), headers=CROPS)
    first, second = client.post("/search", content=crop(1), headers=JPEG).json()["results"][0]["matches"]
    assert first["probability"] == pytest.approx(0.9, abs=1e-4)
    assert second["probability"] == pytest.approx(float(np.interp(second["score"], (-1, 0.5, 1), (0, 0.1, 0.9))))


def test_pages_follow_one_another(enrolled: TestClient) -> None:
    first = enrolled.get(ENTRIES, params={"limit": 4}).json()
    second = enrolled.get(ENTRIES, params={"limit": 4, "cursor": first["cursor"]}).json()
    assert [e["id"] for e in first["entries"] + second["entries"]] == [f"e{i}" for i in range(6)]
    assert second["cursor"] is None
    assert [e["id"] for e in enrolled.get(ENTRIES, params={"person_id": "p1"}).json()["entries"]] == ["e2", "e3"]


def test_deletion(enrolled: TestClient) -> None:
    assert enrolled.delete(f"{ENTRIES}/e0").json() == {"deleted": 1}
    assert enrolled.delete(f"{ENTRIES}/e0").json() == {"deleted": 0}
    assert enrolled.delete(ENTRIES, params={"person_id": "p1"}).json() == {"deleted": 2}
    assert [e["id"] for e in enrolled.get(ENTRIES).json()["entries"]] == ["e1", "e4", "e5"]


def test_thumbnails_only_where_the_operator_switched_them_on(start: Start, crop: Crop) -> None:
    params = {"camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z"}
    off, on = start(), start(store_thumbnails=True, thumbnail_side=32)
    off.put(f"{ENTRIES}/off", params=params, content=crop(1), headers=JPEG)
    on.put(f"{ENTRIES}/on", params=params, content=crop(1), headers=JPEG)
    refused = on.get(f"{ENTRIES}/off/thumbnail")
    assert (refused.status_code, "no thumbnail" in refused.json()["detail"]) == (404, True)
    small = on.get(f"{ENTRIES}/on/thumbnail")
    assert small.headers["content-type"] == "image/jpeg"
    assert small.content.startswith(b"\xff\xd8")
    assert small.headers["cache-control"] == "no-store"
    assert on.get(f"{ENTRIES}/on").json()["has_thumbnail"] is True
    hidden = off.get(f"{ENTRIES}/on/thumbnail")
    assert (hidden.status_code, "--store-thumbnails" in hidden.json()["detail"]) == (404, True)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_thumbnail_carries_nothing_but_the_picture(start: Start, kind: str) -> None:
    image, text, crop = Image.new("RGB", (48, 96)), PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("comment", "Officer Jones")
    image.save(crop, kind, comment=b"Officer Jones", pnginfo=text, dpi=(72, 72))
    client = start(store_thumbnails=True)
    params = {"camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z"}
    media = {"Content-Type": f"image/{kind.lower()}"}
    client.put(f"{ENTRIES}/e", params=params, content=crop.getvalue(), headers=media)
    small = client.get(f"{ENTRIES}/e/thumbnail").content
    assert b"Jones" in crop.getvalue()
    assert b"Jones" not in small
    assert Image.open(io.BytesIO(small)).size == (48, 96)


def test_galleries_come_and_go(client: TestClient) -> None:
    made = client.put("/galleries/shop-1", json={"retention_days": 30}).json()
    assert (made["name"], made["model_id"], made["entries"], made["retention_days"]) == ("shop-1", "grid-1", 0, 30)
    assert client.put("/galleries/shop-1").json()["retention_days"] == 30
    assert client.put("/galleries/shop-1", json={"retention_days": None}).json()["retention_days"] is None
    assert client.get("/galleries").json() == {"galleries": ["default", "shop-1"]}
    assert client.delete("/galleries/shop-1").status_code == 204
    assert client.delete("/galleries/shop-1").status_code == 404
    assert client.put("/galleries/Shop%201").status_code == 422


def test_what_is_served(client: TestClient) -> None:
    body = client.get("/model").json()
    assert (body["model_id"], body["dim"], body["provider"], body["calibration"]) == ("grid-1", DIM, "cpu", None)
    assert body["preprocess"]["height"] == 32
    assert body["provenance"]["flavour"] == "service"
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_more_like_an_entry_grouped_still_finds_the_same_person_elsewhere(client: TestClient, crop: Crop) -> None:
    for name, person, seed in (("a1", "a", 1), ("a2", "a", 1), ("b1", "b", 2), ("b2", "b", 2)):
        known = {"camera_id": "c1", "captured_at": "2026-11-22T10:00:00Z", "person_id": person}
        client.put(
            f"/galleries/default/entries/{name}",
            params=known,
            content=crop(seed),
            headers={"Content-Type": "image/jpeg"},
        ).raise_for_status()
    answer = client.post("/search", json={"like": "a1", "group_by": "person"}).json()
    assert next((m["id"], m["person_id"]) for m in answer["results"][0]["matches"]) == ("a2", "a")
    assert len(answer["results"][0]["matches"]) == 2
