"""MoveNet Thunder (Google, Apache-2.0) as far as its key point heat maps; its weights ship with the project.

A MobileNetV2 trunk 1.75 times as wide as usual, a feature pyramid up to stride 4, and the heat map head of a
CenterNet. Batch normalisation is folded into the convolutions, so nothing here can be trained further.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from training.pose.groups import KEYPOINTS

WEIGHTS = Path(__file__).with_name("movenet_thunder.safetensors")
STRIDE = 32  # height and width must be multiples of it: TensorFlow pads strided convolutions by what is left over


class _Stage(NamedTuple):
    width: int
    blocks: int
    stride: int


_STAGES = (
    _Stage(32, 1, 1),
    _Stage(40, 2, 2),  # stride 4
    _Stage(56, 3, 2),  # stride 8
    _Stage(112, 4, 2),  # stride 16
    _Stage(168, 3, 1),
    _Stage(280, 3, 2),
    _Stage(560, 1, 1),  # stride 32
)
_STEM_WIDTH, _LAST_WIDTH, _HEAD_WIDTH = 56, 1280, 96
_LATERAL_FROM = {2: 3, 5: 2, 9: 1}  # block -> its place in the pyramid, counted from the coarsest
_PYRAMID_WIDTHS = (64, 64, 32, 24)


class MoveNetThunder(nn.Module):
    """Pixels to heat maps; always in evaluation mode and without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, _STEM_WIDTH, 3, stride=2)
        self.blocks = nn.ModuleList()
        width = _STEM_WIDTH
        for stage in _STAGES:
            for block in range(stage.blocks):
                stride = stage.stride if block == 0 else 1
                expansion = 6 if self.blocks else 1
                self.blocks.append(_InvertedResidual(width, stage.width, stride, expansion))
                width = stage.width
        self.last = _conv(width, _LAST_WIDTH)
        laterals = (_LAST_WIDTH, 112, 56, 40)
        self.lateral = nn.ModuleList(_conv(*widths) for widths in zip(laterals, _PYRAMID_WIDTHS, strict=True))
        smooth = zip(_PYRAMID_WIDTHS[1:], (*_PYRAMID_WIDTHS[2:], _PYRAMID_WIDTHS[-1]), strict=True)
        self.smooth = nn.ModuleList(_Separable(*widths) for widths in smooth)
        self.head = _Separable(_PYRAMID_WIDTHS[-1], _HEAD_WIDTH)
        self.heatmap = _conv(_HEAD_WIDTH, len(KEYPOINTS))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W) RGB from 0 to 255, uint8 or float, H and W multiples of 32. Returns (N, 17, H/4, W/4)
        float32 in [0, 1], COCO's key points. Raises ValueError for another size."""
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % STRIDE or images.shape[3] % STRIDE:
            raise ValueError(f"images are {tuple(images.shape)}; needed: (N, 3, H, W), H and W multiples of {STRIDE}")
        features = F.relu6(self.stem(_pad(images.to(self.stem.weight.dtype) / 127.5 - 1)), inplace=True)
        levels: dict[int, Tensor] = {}
        for index, block in enumerate(self.blocks):
            features = block(features)
            if index in _LATERAL_FROM:
                levels[_LATERAL_FROM[index]] = features
        features = self.lateral[0](F.relu6(self.last(features), inplace=True))
        for level, smooth in enumerate(self.smooth, start=1):
            finer = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            features = smooth(finer + self.lateral[level](levels[level]))
        return self.heatmap(self.head(features)).sigmoid().float()  # type: ignore[no-any-return]


def load_movenet(weights: Path = WEIGHTS) -> MoveNetThunder:
    """The estimator with its shipped weights, in float32, for evaluation. Raises ValueError for a file of others."""
    model = MoveNetThunder().eval().requires_grad_(False)
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{weights} does not hold MoveNet's weights: {str(error).splitlines()[0]:.200}") from error
    return model.to(memory_format=torch.channels_last)


class _InvertedResidual(nn.Module):
    """MobileNetV2's block: (N, c, h, w) -> (N, c', h / stride, w / stride)."""

    def __init__(self, width: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = width * expansion
        self.expand = _conv(width, hidden) if expansion > 1 else None
        self.depthwise = _conv(hidden, hidden, 3, stride=stride, groups=hidden)
        self.project = _conv(hidden, out)
        self.residual = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        hidden = _pad(hidden) if self.depthwise.stride == (2, 2) else hidden
        hidden = self.project(F.relu6(self.depthwise(hidden), inplace=True))
        return hidden.add_(x) if self.residual else hidden


class _Separable(nn.Module):
    """Depthwise 3×3, then pointwise with ReLU."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.pointwise = nn.Conv2d(width, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.pointwise(self.depthwise(x)), inplace=True)


def _conv(width: int, out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Stride 2 is padded by `_pad`: TensorFlow's "SAME" puts the odd pixel after the image, not before it."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Conv2d(width, out, kernel, stride, padding, groups=groups)


def _pad(x: Tensor) -> Tensor:
    return F.pad(x, (0, 1, 0, 1))
