"""deep-sort-realtime runs on embeddings of the service, through the client."""

from __future__ import annotations

import pytest

from reid_client.adapters.deep_sort import embeds
from tests.integrations.conftest import PEOPLE, street

pytest.importorskip("deep_sort_realtime", reason="needs `make test-integrations`")

from deep_sort_realtime.deepsort_tracker import DeepSort


def test_everybody_keeps_their_number(client, crops):
    tracker = DeepSort(embedder=None, max_cosine_distance=0.3)
    numbers = []
    for frame, boxes in street(crops, frames=8):
        detections = [([x1, y1, x2 - x1, y2 - y1], 0.9, "person") for x1, y1, x2, y2 in boxes.tolist()]
        tracks = tracker.update_tracks(detections, embeds=embeds(client, frame, detections))
        numbers.append(sorted(track.track_id for track in tracks if track.is_confirmed()))
    assert len(numbers[-1]) == PEOPLE
    assert numbers[-1] == numbers[-3]
