"""The inference graphs of rivals without a pose net, written from their papers with timm's ResNet-50.

Weights do not matter to their speed. All take images (N, 3, 384, 128) float32, normalised, and give float32 features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 2048
REDUCED = 256


class PCB(nn.Module):
    """Sun et al. 2018 (ECCV), Sec. 3: six horizontal stripes, concatenated as the test feature G: (N, 12288)."""

    def __init__(self, backbone: nn.Module, stripes: int = 6) -> None:
        super().__init__()
        self.backbone, self.stripes = backbone, stripes

    def forward(self, images: Tensor) -> Tensor:
        feature_map = self.backbone(images)  # (N, c, 24, 8)
        stripes = F.adaptive_avg_pool2d(feature_map, (self.stripes, 1))  # (N, c, 6, 1)
        return F.normalize(stripes.flatten(1), dim=1)  # (N, 6c)


class PGFAWithoutPose(nn.Module):
    """PGFA's ablation without a pose net: the plain average and three horizontal parts, (N, 4, 256)."""

    def __init__(self, backbone: nn.Module, parts: int = 3) -> None:
        super().__init__()
        self.backbone = backbone
        self.reduce_global = reduction(WIDTH)
        self.horizontal = HorizontalParts(parts)

    def forward(self, images: Tensor) -> Tensor:
        feature_map = self.backbone(images)  # (N, c, h, w)
        pooled = self.reduce_global(feature_map.mean(dim=(2, 3)))
        return F.normalize(torch.cat((pooled[:, None], self.horizontal(feature_map)), dim=1), dim=2)


class SpatialBlocks(nn.Module):
    """The feature map as a bag of blocks, for DSR (He et al. 2018, CVPR, Sec. 3.3) and SFR (arXiv:1810.07399).

    backbone: at stride 32, so F is (12, 4). scales: sides of the square blocks that are averaged, at stride 1.
    forward: (N, M, c), each block of length 1; M is 101 for scales 1 to 3 and 110 for 1 to 4.
    """

    def __init__(self, backbone: nn.Module, scales: Sequence[int]) -> None:
        super().__init__()
        self.backbone, self.scales = backbone, tuple(scales)

    def forward(self, images: Tensor) -> Tensor:
        feature_map = self.backbone(images)  # (N, c, 12, 4)
        blocks = [F.avg_pool2d(feature_map, side, stride=1).flatten(2) for side in self.scales]
        return F.normalize(torch.cat(blocks, dim=2).mT, dim=2)


class HorizontalParts(nn.Module):
    """Horizontal stripes, averaged and reduced, each by a layer of its own: (N, c, h, w) -> (N, parts, 256)."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.reduce = nn.ModuleList(reduction(WIDTH) for _ in range(parts))

    def forward(self, feature_map: Tensor) -> Tensor:
        stripes = F.adaptive_avg_pool2d(feature_map, (self.parts, 1)).squeeze(3)  # (N, c, parts)
        return torch.stack([layer(stripes[:, :, part]) for part, layer in enumerate(self.reduce)], dim=1)


def reduction(width: int) -> nn.Sequential:
    """The linear layer and batch normalisation before PGFA's classifiers."""
    return nn.Sequential(nn.Linear(width, REDUCED), nn.BatchNorm1d(REDUCED))
