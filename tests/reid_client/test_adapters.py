"""Adapters, against the service; the trackers are stood for by what they hand over."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_client import Client
from reid_client.adapters import deep_sort, norfair
from reid_client.adapters.boxes import cut
from reid_client.adapters.boxmot import RemoteReid
from service.app import create_app
from service.settings import Settings
from tests.service.fakes import DIM, FakeEncoder, MemoryGalleries
from tests.service.live import served

FRAME = np.random.default_rng(5).integers(0, 256, (120, 200, 3), np.uint8)
BOXES = np.array([[10, 20, 60, 110], [100.4, 5.5, 150.2, 90.9], [180, 100, 260, 300]])


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
    with served(app) as url, Client(url) as made:
        yield made


@pytest.fixture(scope="module")
def expected(client: Client) -> np.ndarray:
    parts = [FRAME[20:110, 10:60], FRAME[5:91, 100:151], FRAME[100:120, 180:200]]
    return client.embed([np.ascontiguousarray(part[..., ::-1]) for part in parts]).rows


def test_boxmot(client: Client, expected: np.ndarray) -> None:
    reid = RemoteReid(client)
    np.testing.assert_array_equal(reid.get_features(BOXES, FRAME), expected)
    assert reid.get_features(np.zeros((0, 4)), FRAME).shape == (0, DIM)


def test_deep_sort(client: Client, expected: np.ndarray) -> None:
    detections = [([x1, y1, x2 - x1, y2 - y1], 0.9, "person") for x1, y1, x2, y2 in BOXES.tolist()]
    np.testing.assert_array_equal(deep_sort.embeds(client, FRAME, detections), expected)
    assert deep_sort.embeds(client, FRAME, []) == []


def test_norfair(client: Client, expected: np.ndarray) -> None:
    detections = [SimpleNamespace(points=box.reshape(2, 2), embedding=None) for box in BOXES]
    norfair.embed_detections(client, FRAME, detections)
    norfair.embed_detections(client, FRAME, [])
    np.testing.assert_array_equal([d.embedding for d in detections], expected)
    first, second, third = (SimpleNamespace(last_detection=d, past_detections=[]) for d in detections)
    assert norfair.cosine_distance(first, first) == pytest.approx(0, abs=1e-6)
    assert norfair.cosine_distance(first, second) == pytest.approx(1 - float(expected[0] @ expected[1]), abs=1e-6)
    third.past_detections = [detections[0]]
    assert norfair.cosine_distance(first, third) == pytest.approx(0, abs=1e-6)
    nobody = SimpleNamespace(last_detection=SimpleNamespace(embedding=None), past_detections=[])
    assert norfair.cosine_distance(nobody, first) == norfair.cosine_distance(first, nobody) == 1


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 4), max_size=5))
def test_every_box_gives_a_crop(boxes: list[tuple[float, ...]]) -> None:
    crops = cut(FRAME, boxes)
    assert len(crops) == len(boxes)
    assert all(crop.size and crop.shape[2] == 3 for crop in crops)


def test_what_is_no_frame_or_box() -> None:
    with pytest.raises(ValueError, match=r"not \(3, 3\) uint8"):
        cut(np.zeros((3, 3), np.uint8), [])
    with pytest.raises(ValueError, match="not finite"):
        cut(FRAME, [[0, 0, np.nan, 1]])
