"""norfair knows people again by the service's embeddings, through the client's adapter."""

from __future__ import annotations

import pytest

from reid_client.adapters.norfair import cosine_distance, embed_detections
from tests.integrations.conftest import PEOPLE, street

pytest.importorskip("norfair", reason="needs `make test-integrations`")

from norfair import Detection, Tracker


def follow(client, crops, **reid):
    """The number of each person, from left to right, before and after everybody was away and changed places."""
    tracker = Tracker(
        distance_function="iou", distance_threshold=0.8, initialization_delay=1, hit_counter_max=4, **reid
    )
    seen = []
    for order in (crops, crops[::-1]):
        for frame, boxes in street(order, frames=8):
            detections = [Detection(points=box.reshape(2, 2)) for box in boxes]
            embed_detections(client, frame, detections)
            tracked = tracker.update(detections)
        seen.append([t.id for t in sorted(tracked, key=lambda t: t.estimate[0, 0])])
        for _ in range(8):
            tracker.update([])
    return seen


def test_people_who_come_back_elsewhere_keep_their_number(client, crops):
    before, after = follow(
        client, crops, reid_distance_function=cosine_distance, reid_distance_threshold=0.3, reid_hit_counter_max=50
    )
    assert len(set(before)) == PEOPLE
    assert after == before[::-1]


def test_without_embeddings_they_would_not(client, crops):
    before, after = follow(client, crops)
    assert len(set(before)) == PEOPLE
    assert not set(before) & set(after)
