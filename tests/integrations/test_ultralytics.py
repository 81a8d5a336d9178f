"""Ultralytics' BoT-SORT takes the `ultralytics` flavour as its appearance model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.integrations.conftest import HEIGHT, PEOPLE, WIDTH, side_by_side, street

pytest.importorskip("ultralytics", reason="needs `make test-integrations`")

import yaml
from ultralytics.engine.results import Boxes
from ultralytics.trackers.bot_sort import BOTSORT
from ultralytics.trackers.utils.reid import ReID
from ultralytics.utils import ROOT
from ultralytics.utils.ops import xyxy2xywh


@pytest.fixture(scope="module")
def file(exported):
    return exported("ultralytics")


def test_its_features_are_the_services(file, client, crops, worst_cosine):
    """It widens a box by 2 % and 10 pixels; boxes smaller by as much come out at the model's size."""
    frame, boxes = side_by_side(crops)
    boxes = xyxy2xywh(boxes)
    boxes[:, :2] += 0.3  # it cuts at whole pixels, downwards
    boxes[:, 2:] = (boxes[:, 2:] - 10) / 1.02
    reid = ReID(str(file), device="cpu")
    seen = reid._crop_detections(frame, boxes)
    assert {patch.shape for patch in seen} == {(HEIGHT, WIDTH, 3)}
    rows = np.stack(reid(frame, boxes))
    ours = client.embed([patch[..., ::-1] for patch in seen]).rows
    assert rows.shape == ours.shape
    assert worst_cosine(rows, ours) >= 0.9999


def test_bot_sort_tracks_with_it(file, crops):
    settings = yaml.safe_load((ROOT / "cfg" / "trackers" / "botsort.yaml").read_text())
    settings |= {"with_reid": True, "model": str(file), "device": "cpu"}
    tracker = BOTSORT(SimpleNamespace(**settings))
    for frame, boxes in street(crops, frames=8):
        detections = np.column_stack([boxes, np.full(len(boxes), 0.9), np.zeros(len(boxes))]).astype(np.float32)
        tracks = tracker.update(Boxes(detections, frame.shape[:2]), frame)
    assert len({int(track[4]) for track in tracks}) == PEOPLE
    assert all(track.curr_feat is not None for track in tracker.tracked_stracks)
