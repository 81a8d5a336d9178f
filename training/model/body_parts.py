"""Local body part features, Sec. 3.1: the feature map pooled under each key-point group's heat map (Eq. 1)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from training.pose.groups import merge_keypoints

HeatmapMerge = Literal["sum", "max"]
PartPooling = Literal["sum", "mean"]


def part_attention(heatmaps: Tensor, size: tuple[int, int], *, merge: HeatmapMerge, scale: float) -> Tensor:
    """H of Sec. 3.1: for each of the K = 8 key-point groups, weights over the feature map that sum to 1.

    heatmaps: (N, 17, h', w'), a pose estimator's COCO channels in [0, 1]. size: (h, w) of F. scale: of the softmax;
    at 0 every part is pooled over the whole map. A group without response (not visible) is spread evenly.
    Returns (N, K, h, w) float32.
    """
    with torch.autocast(heatmaps.device.type, enabled=False):  # bf16 has too few digits for the softmax
        merged = merge_keypoints(heatmaps.float(), merge)  # (N, K, h', w')
        resized = F.interpolate(merged, size, mode="bilinear", antialias=True)  # (N, K, h, w); no peak between cells
        return (scale * resized).flatten(2).softmax(dim=2).view_as(resized)


def pool_parts(feature_map: Tensor, attention: Tensor, pooling: PartPooling) -> Tensor:
    """f_l of Eq. 1, f_{l,k} = g(F ⊙ H_k): (N, c, h, w) and (N, K, h, w) -> (N, K, c).

    pooling: "sum" over h×w, since H_k already sums to 1; "mean" is the equation to the letter, h·w times smaller.
    """
    pooled = torch.matmul(attention.flatten(2), feature_map.flatten(2).mT)  # (N, K, hw) · (N, hw, c) = (N, K, c)
    return pooled if pooling == "sum" else pooled / attention[0, 0].numel()
