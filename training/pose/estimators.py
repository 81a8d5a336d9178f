"""Every pose estimator by its name on the command line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from torch import nn

from training.pose.hrnet import load_hrnet
from training.pose.movenet import WEIGHTS, load_movenet

EstimatorName = Literal["movenet", "hrnet-w32", "hrnet-w48"]
ESTIMATORS: tuple[EstimatorName, ...] = get_args(EstimatorName)


class Estimator(NamedTuple):
    """network: (N, 3, H, W) uint8 RGB -> (N, 17, H/4, W/4) float32 in [0, 1]; H and W multiples of 32, no gradients.
    label: its name and the hash of its weights."""

    network: nn.Module
    label: str


def load_estimator(name: EstimatorName, weights: Path | None = None) -> Estimator:
    """weights: HRNet's checkpoint file; MoveNet's ship with the project. Raises ValueError, OSError."""
    if name == "movenet":
        file = weights or WEIGHTS
        return Estimator(load_movenet(file), _label("MoveNet Thunder", file))
    if name in ("hrnet-w32", "hrnet-w48"):
        if weights is None:
            raise ValueError(f"{name} needs --weights FILE, a COCO checkpoint of HRNet's authors or of MMPose")
        width: Literal[32, 48] = 32 if name == "hrnet-w32" else 48
        return Estimator(load_hrnet(width, weights), _label(f"HRNet-W{width}", weights))
    raise ValueError(f"there is no pose estimator {name!r}; allowed: {', '.join(ESTIMATORS)}")


def _label(title: str, file: Path) -> str:
    with file.open("rb") as stream:
        return f"{title} ({hashlib.file_digest(stream, 'sha256').hexdigest()[:12]})"
