"""norfair: `embed_detections(client, frame, detections)` before `tracker.update(detections)`, and
`Tracker(…, reid_distance_function=cosine_distance)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_client.adapters.boxes import cut
from reid_client.client import Client


def embed_detections(client: Client, frame: NDArray[np.uint8], detections: Sequence[Any]) -> None:
    """Sets `embedding` of each detection. frame: (H, W, 3) BGR. A detection's `points` are its two corners (2, 2)."""
    if not detections:
        return
    boxes = [np.asarray(detection.points).reshape(4) for detection in detections]
    for detection, row in zip(detections, client.embed(cut(frame, boxes)).rows, strict=True):
        detection.embedding = row


def cosine_distance(new: Any, old: Any) -> float:
    """1 − the best cosine of a new track's last detection with an old track's past ones, 0 to 2; 1 if none has any."""
    query = new.last_detection.embedding
    past = [d.embedding for d in (*old.past_detections, old.last_detection) if d.embedding is not None]
    if query is None or not past:
        return 1.0
    return float(1 - (np.stack(past) @ query).max())
