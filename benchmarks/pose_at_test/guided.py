"""The inference graphs of rivals that need key points, written from their papers with timm's ResNet-50.

All take images (N, 3, 384, 128) float32, normalised, and heat maps (N, 17, h', w') of COCO's key points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.pose_at_test.graphs import WIDTH, HorizontalParts, reduction

KEYPOINTS = 17
# HOReID joins the five key points of the head; the others stay.
_BODY = ((0, 1, 2, 3, 4), *((n,) for n in range(5, KEYPOINTS)))
_HEAD, _LIMBS = ((0, 1), (0, 2)), ((1, 3), (3, 5), (2, 4), (4, 6), (7, 9), (9, 11), (8, 10), (10, 12))
_BONES = (*_HEAD, (1, 2), (1, 7), (2, 8), (7, 8), (1, 8), (2, 7), *_LIMBS)


class PGFA(nn.Module):
    """Miao et al. 2019 (ICCV), Sec. 3: three part features, and a global one guided by the heat maps, (N, 4, 256).

    The guided feature is the maximum over the key points of the heat-map-weighted averages, concatenated with the
    plain average. Every feature is reduced to 256. The global one comes first.
    """

    def __init__(self, backbone: nn.Module, parts: int = 3) -> None:
        super().__init__()
        self.backbone = backbone
        self.reduce_global = reduction(2 * WIDTH)
        self.horizontal = HorizontalParts(parts)

    def forward(self, images: Tensor, heatmaps: Tensor) -> Tensor:
        feature_map = self.backbone(images)  # (N, c, h, w)
        guided = pooled_by(_resized(heatmaps, feature_map), feature_map)  # (N, 17, c)
        pooled = torch.cat((feature_map.mean(dim=(2, 3)), guided.amax(dim=1)), dim=1)  # (N, 2c)
        features = torch.cat((self.reduce_global(pooled)[:, None], self.horizontal(feature_map)), dim=1)
        return F.normalize(features, dim=2)


class PVPM(nn.Module):
    """Gao et al. 2020 (CVPR), Sec. 3: six parts that attention from pose cuts out, (N, 6, c), and how visible each is.

    A small convolutional net makes one attention map a part out of the heat maps; a cell belongs to its strongest
    part. The same net's pooled features give the parts' visibilities (N, 6).
    """

    def __init__(self, backbone: nn.Module, parts: int = 6, width: int = 32) -> None:
        super().__init__()
        self.backbone = backbone
        self.pose = nn.Sequential(
            *_convolution(KEYPOINTS, width, 7),
            nn.MaxPool2d(3, stride=2, padding=1),
            *_convolution(width, width, 3),
            nn.AvgPool2d(2),
            *_convolution(width, width, 3),
            *_convolution(width, width, 3),
        )
        self.attend = nn.Conv2d(width, parts, 1)
        self.visible = nn.Linear(width, parts)

    def forward(self, images: Tensor, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        feature_map = self.backbone(images)  # (N, c, h, w)
        pose = self.pose(heatmaps)  # (N, 32, h, w)
        attention = self.attend(pose).sigmoid()
        attention = attention * (attention == attention.amax(dim=1, keepdim=True))
        visible = self.visible(pose.mean(dim=(2, 3))).sigmoid()
        return F.normalize(pooled_by(_resized(attention, feature_map), feature_map), dim=2), visible


class HOReID(nn.Module):
    """Wang et al. 2020 (CVPR), Sec. 3.1 and 3.2: 13 key-point features and a global one through two graph layers.

    forward: (N, 14 × c), weighted with the roots of the key points' confidences: the feature of the first stage of
    matching. The second, graph matching of the eight best (Sec. 3.3), is left out, in our rival's favour.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.layers = nn.Sequential(GraphLayer(), GraphLayer())
        self.norm = nn.BatchNorm1d((len(_BODY) + 1) * WIDTH)

    def forward(self, images: Tensor, heatmaps: Tensor) -> Tensor:
        feature_map = self.backbone(images)  # (N, c, h, w)
        maps = torch.stack([heatmaps[:, group].amax(dim=1) for group in _BODY], dim=1)
        confidence = torch.cat((maps.amax(dim=(2, 3)), torch.ones_like(maps[:, :1, 0, 0])), dim=1)  # (N, 14)
        maps = _resized(maps, feature_map)
        maps = maps.flatten(2).softmax(dim=2).view_as(maps)
        nodes = torch.cat((pooled_by(maps, feature_map), feature_map.mean(dim=(2, 3))[:, None]), dim=1)  # (N, 14, c)
        features = self.norm(self.layers(nodes).flatten(1)).view_as(nodes)
        return F.normalize((features * confidence.clamp(min=0).sqrt()[..., None]).flatten(1), dim=1)


class GraphLayer(nn.Module):
    """Adaptive direction graph convolution: how two joined key points differ from the whole decides who tells whom.

    nodes: (N, 14, c), the last the global feature -> the same shape.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.BatchNorm1d(len(_BONES)), nn.Linear(WIDTH, 1, bias=False), nn.Sigmoid())
        self.merged, self.own = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        first, second = torch.tensor(_BONES).T
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        size = len(_BODY) + 1
        places = torch.zeros(2, len(_BONES), size * size)  # where a bone's two directions stand in the adjacency
        places[0, torch.arange(len(_BONES)), first * size + second] = 1
        places[1, torch.arange(len(_BONES)), second * size + first] = 1
        self.register_buffer("places", places)
        constant = torch.zeros(size, size)
        constant[:, -1] = 1
        self.register_buffer("constant", constant)

    def forward(self, nodes: Tensor) -> Tensor:
        apart = (nodes - nodes[:, -1:]).abs()
        gate = self.gate(apart[:, self.first] - apart[:, self.second]).squeeze(2)  # (N, bones)
        adjacency = (gate @ self.places[0] + (1 - gate) @ self.places[1]).view(-1, *self.constant.shape)
        adjacency = F.normalize(adjacency + self.constant, p=1.0, dim=2)
        return self.merged(adjacency @ nodes).relu() + self.own(nodes)  # type: ignore[no-any-return]


def pooled_by(maps: Tensor, feature_map: Tensor) -> Tensor:
    """(N, k, h, w) and (N, c, h, w) -> (N, k, c): averages of the feature map, weighted with each map."""
    area = feature_map.shape[2] * feature_map.shape[3]
    return torch.matmul(maps.flatten(2), feature_map.flatten(2).mT) / area


def _resized(maps: Tensor, feature_map: Tensor) -> Tensor:
    return F.interpolate(maps, size=feature_map.shape[2:], mode="bilinear", align_corners=False)


def _convolution(inputs: int, outputs: int, side: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2), nn.BatchNorm2d(outputs), nn.ReLU()
