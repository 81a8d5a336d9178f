"""From the 17 key points of COCO to the K = 8 groups of Sec. 4.2."""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor

# fmt: off
KEYPOINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)
# fmt: on

GROUPS: dict[str, tuple[str, ...]] = {
    "head": ("nose", "left eye", "right eye", "left ear", "right ear"),
    "left lower arm": ("left elbow", "left wrist"),
    "right lower arm": ("right elbow", "right wrist"),
    "left knee": ("left knee",),
    "right knee": ("right knee",),
    "left ankle": ("left ankle",),
    "right ankle": ("right ankle",),
    "torso": ("left shoulder", "right shoulder", "left hip", "right hip"),
}

# Channel i of a mirrored image's heat maps is channel MIRRORED[i] of the original's, mirrored.
MIRRORED = tuple(
    KEYPOINTS.index(name.replace("left", "?").replace("right", "left").replace("?", "right")) for name in KEYPOINTS
)


def merge_keypoints(heatmaps: Tensor, how: Literal["sum", "max"] = "sum") -> Tensor:
    """Merges the key points of each group: (N, 17, h, w) of any float type -> (N, 8, h, w), groups in order of GROUPS.

    how: the group's response at a place is the sum of its key points' responses there, or the largest of them.
    Raises ValueError for another number of channels.
    """
    if heatmaps.ndim != 4 or heatmaps.shape[1] != len(KEYPOINTS):
        raise ValueError(f"heat maps are {tuple(heatmaps.shape)}; needed: (N, {len(KEYPOINTS)}, h, w)")
    if how == "max":
        return torch.stack([heatmaps[:, list(members)].amax(dim=1) for members in _members()], dim=1)
    if how == "sum":
        return torch.einsum("gk,nkhw->nghw", _membership().to(heatmaps), heatmaps)
    raise ValueError(f"heat maps are merged by {how!r}; allowed: 'sum' or 'max'")


@cache
def _members() -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(KEYPOINTS.index(name) for name in names) for names in GROUPS.values())


@cache
def _membership() -> Tensor:
    """(8, 17), 1 where the key point belongs to the group."""
    matrix = torch.zeros(len(GROUPS), len(KEYPOINTS))
    for group, members in enumerate(_members()):
        matrix[group, list(members)] = 1
    return matrix
