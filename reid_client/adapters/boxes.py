"""From a frame and boxes to crops."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def cut(frame: NDArray[np.uint8], boxes: ArrayLike) -> list[NDArray[np.uint8]]:
    """Crops of a frame, RGB.

    frame: (H, W, 3) uint8, BGR as OpenCV gives it. boxes: (N, 4) as x1, y1, x2, y2 in pixels; what lies outside the
    frame is cut off, and a box wholly outside, or of no size, gives the nearest pixel, so that rows and boxes pair up.
    Raises ValueError for another shape.
    """
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4) if np.size(boxes) else np.zeros((0, 4))
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
        raise ValueError(f"a frame must be BGR pixels (H, W, 3) uint8, not {frame.shape} {frame.dtype}")
    if not np.isfinite(corners).all():
        raise ValueError("a box has a corner that is not finite")
    height, width = frame.shape[:2]
    left, top = np.clip(np.floor(corners[:, 0]), 0, width - 1), np.clip(np.floor(corners[:, 1]), 0, height - 1)
    right, bottom = np.clip(np.ceil(corners[:, 2]), left + 1, width), np.clip(np.ceil(corners[:, 3]), top + 1, height)
    edges = np.stack([left, top, right, bottom], axis=1).astype(int)
    return [np.ascontiguousarray(frame[y1:y2, x1:x2, ::-1]) for x1, y1, x2, y2 in edges]
