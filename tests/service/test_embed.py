"""POST /embed in every form it reads and writes."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from reid_contract import preprocess
from tests.service.fakes import DIM, PREPROCESS, FakeEncoder, grid_colours

Crop = Callable[..., bytes]


def expected(data: bytes) -> np.ndarray:
    return grid_colours(preprocess(Image.open(io.BytesIO(data)), PREPROCESS)[None])[0]


def framed(*blocks: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(block)) + block for block in blocks)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_one_raw_image(client: TestClient, crop: Crop, kind: str) -> None:
    data = crop(1, kind)
    answer = client.post("/embed", content=data, headers={"Content-Type": f"image/{kind.lower()}"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model_id"], body["dim"], body["errors"]) == ("grid-1", DIM, [])
    np.testing.assert_allclose(body["embeddings"][0], expected(data), atol=1e-6)


def test_all_bodies_give_the_same_rows_in_the_order_sent(client: TestClient, crop: Crop) -> None:
    crops = [crop(seed) for seed in range(9)]
    bodies = (
        {"files": [("images", ("c.jpg", c, "image/jpeg")) for c in crops]},
        {"json": {"images": [base64.b64encode(c).decode() for c in crops]}},
        {"content": framed(*crops), "headers": {"Content-Type": "application/x-crops"}},
    )
    rows = [client.post("/embed", **body).json()["embeddings"] for body in bodies]
    assert rows[0] == rows[1] == rows[2]
    np.testing.assert_allclose(rows[0], [expected(c) for c in crops], atol=1e-6)


def test_raw_rows_are_the_json_rows(client: TestClient, crop: Crop) -> None:
    body, kind = framed(crop(1), crop(2)), {"Content-Type": "application/x-crops"}
    raw = client.post("/embed", content=body, headers={**kind, "Accept": "application/octet-stream"})
    assert raw.headers["X-Embedding-Count"] == "2"
    assert raw.headers["X-Embedding-Dim"] == str(DIM)
    rows = np.frombuffer(raw.content, "<f4").reshape(2, DIM)
    np.testing.assert_array_equal(
        rows, np.float32(client.post("/embed", content=body, headers=kind).json()["embeddings"])
    )


def test_a_bad_crop_is_skipped_where_asked(client: TestClient, crop: Crop) -> None:
    body, kind = framed(crop(1), b"no image", crop(2)), {"Content-Type": "application/x-crops"}
    answer = client.post("/embed?on_error=skip", content=body, headers=kind).json()
    assert [row is None for row in answer["embeddings"]] == [False, True, False]
    assert answer["errors"] == [{"index": 1, "detail": "not an image in an accepted format (JPEG, PNG, WEBP)"}]
    np.testing.assert_allclose(answer["embeddings"][2], expected(crop(2)), atol=1e-6)
    raw = client.post("/embed?on_error=skip", content=body, headers={**kind, "Accept": "application/octet-stream"})
    rows = np.frombuffer(raw.content, "<f4").reshape(3, DIM)
    assert raw.headers["X-Skipped"] == "1"
    assert np.isnan(rows[1]).all()
    assert np.isfinite(rows[[0, 2]]).all()


def test_a_request_larger_than_a_batch(start: Callable[..., TestClient], crop: Crop) -> None:
    encoder = FakeEncoder()
    client = start(encoder, max_batch=4)
    answer = client.post(
        "/embed", content=framed(*map(crop, range(11))), headers={"Content-Type": "application/x-crops"}
    )
    np.testing.assert_allclose(answer.json()["embeddings"], [expected(crop(s)) for s in range(11)], atol=1e-6)
    assert max(encoder.batches) <= 4
    assert sum(encoder.batches) == 11
