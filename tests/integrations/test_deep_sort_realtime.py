"""deep-sort-realtime runs on embeddings of the service, through the client."""

from __future__ import annotations

import pytest

from tests.integrations.conftest import PEOPLE, street

pytest.importorskip("deep_sort_realtime", reason="needs `make test-integrations`")

from deep_sort_realtime.deepsort_tracker import DeepSort


def test_everybody_keeps_their_number(client, crops):
    tracker = DeepSort(embedder=None, max_cosine_distance=0.3)
    numbers = []
    for frame, boxes in street(crops, frames=8):
        seen = [frame[int(y1) : int(y2), int(x1) : int(x2), ::-1] for x1, y1, x2, y2 in boxes]
        detections = [([x1, y1, x2 - x1, y2 - y1], 0.9, "person") for x1, y1, x2, y2 in boxes.tolist()]
        tracks = tracker.update_tracks(detections, embeds=list(client.embed(seen).rows))
        numbers.append(sorted(track.track_id for track in tracks if track.is_confirmed()))
    assert len(numbers[-1]) == PEOPLE
    assert numbers[-1] == numbers[-3]
