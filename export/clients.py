"""What the clients really compute, written from their sources and not from our conventions, to check exports with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reid_contract import Flavour
from reid_contract.preprocessing import IMAGENET_MEAN, IMAGENET_STD

Pixels = NDArray[np.uint8]


def as_client_sends(flavour: Flavour, pixels: Pixels) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Crops of the model's size, (N, H, W, 3) uint8 RGB, to the tensor that the client feeds the file."""
    if flavour == "service":
        return pixels
    values: NDArray[np.float32] = pixels.astype(np.float32)
    if flavour == "boxmot":  # BoxMOT 25: /255, then ImageNet's mean and std
        scaled = values / np.float32(255)
        mean, std = (np.array(statistic, dtype=np.float32) for statistic in (IMAGENET_MEAN, IMAGENET_STD))
        values = (scaled - mean) / std
    elif flavour == "ultralytics":  # Ultralytics 8.4: /255 only
        values = values / np.float32(255)
    else:  # nvtracker: netScaleFactor · (pixel − offset), with its defaults 1 and 0
        values = np.float32(1) * (values - np.float32(0))
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))
