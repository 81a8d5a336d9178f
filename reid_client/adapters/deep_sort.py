"""deep-sort-realtime: `DeepSort(embedder=None)`, and `update_tracks(detections, embeds=embeds(client, frame, …))`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_client.adapters.boxes import cut
from reid_client.client import Client


def embeds(client: Client, frame: NDArray[np.uint8], detections: Sequence[Any]) -> list[NDArray[np.float32]]:
    """One embedding for each detection, in order.

    frame: (H, W, 3) BGR. detections: as `update_tracks` takes them, ([left, top, width, height], confidence, class).
    """
    if not detections:
        return []
    boxes = np.array([detection[0] for detection in detections], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return list(client.embed(cut(frame, boxes)).rows)
