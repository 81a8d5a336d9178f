"""BoxMOT takes the `boxmot` flavour as any re-ID file of its own."""

from __future__ import annotations

import numpy as np
import pytest

from reid_client.adapters.boxmot import RemoteReid
from tests.integrations.conftest import PEOPLE, draw, side_by_side, street

pytest.importorskip("boxmot", reason="needs `make test-integrations`")

from boxmot import BotSort
from boxmot.reid.core.runtime import ReID


@pytest.fixture(scope="module")
def file(exported):
    return exported("boxmot")


def test_its_features_are_the_services(file, client, crops, worst_cosine):
    frame, boxes = side_by_side(crops)
    theirs = ReID(file, device="cpu")(frame, boxes)
    ours = client.embed(crops).rows
    assert theirs.shape == ours.shape
    assert worst_cosine(theirs, ours) >= 0.9999


@pytest.mark.parametrize(("height", "width"), [(160, 64), (384, 160), (512, 256)])
def test_crops_of_other_sizes_stay_close(file, client, worst_cosine, height, width):
    """Its cv2 resize does not smooth when it shrinks, ours does; benchmarks/export/stretch.json has the figures."""
    crops = draw(height, width)
    frame, boxes = side_by_side(crops)
    theirs, ours = ReID(file, device="cpu")(frame, boxes), client.embed(crops).rows
    assert worst_cosine(theirs, ours) >= 0.9


def test_it_tracks_with_it(file, crops):
    tracker = BotSort(reid_weights=file, device="cpu", half=False)
    for frame, boxes in street(crops, frames=8):
        detections = np.column_stack([boxes, np.full(len(boxes), 0.9), np.zeros(len(boxes))]).astype(np.float32)
        tracks = tracker.update(detections, frame)
    assert len({int(track[4]) for track in tracks}) == PEOPLE


def test_it_tracks_with_the_service(client, crops):
    tracker = BotSort(reid_model=RemoteReid(client), device="cpu", half=False)
    for frame, boxes in street(crops, frames=8):
        detections = np.column_stack([boxes, np.full(len(boxes), 0.9), np.zeros(len(boxes))]).astype(np.float32)
        tracks = tracker.update(detections, frame)
    assert len({int(track[4]) for track in tracks}) == PEOPLE
