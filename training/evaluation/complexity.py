"""What a crop costs at test time, by the feature it is matched by (Table 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import get_args

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from training.config import ModelConfig
from training.model.pgflkd import PGFLKD, Feature
from training.model.stages import split_last_stage
from training.pose.hrnet import HRNetPose

POSE_NET = "HRNet-W48"  # the paper says HRNet; W48 is the one whose cost explains Table 8
_KEYPOINTS = 17
OCCLUDED_DUKE_IDENTITIES = 702
# Table 8: GMACs ("FLOPS" there) and million parameters.
PAPER = {"g": (8.98, 39.89), "p": (24.75, 116.09), "v": (24.75, 117.54), "f": (24.72, 103.51), "e": (24.72, 104.95)}


@dataclass(frozen=True, slots=True)
class Cost:
    """gmacs: 1e9 multiply-accumulates in convolutions and matrix products of one crop. parameters: in millions."""

    gmacs: float
    parameters: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.gmacs + other.gmacs, self.parameters + other.parameters)


def feature_costs(config: ModelConfig, size: tuple[int, int], classes: int) -> dict[Feature, Cost]:
    """Each feature's whole cost, its branch and (for all but "g") the pose net included; classifiers, which no test
    runs, are left out. size: (height, width). Features of branches that are switched off are left out."""
    model = PGFLKD(config, classes).eval()
    pose = pose_net_cost(size)
    costs: dict[Feature, Cost] = {}
    for feature in get_args(Feature):
        if not _there(config, feature):
            continue
        own = Cost(_embedding_gmacs(model, feature, size), _millions(_used(model, feature)))
        costs[feature] = own if feature == "g" else own + pose
    return costs


@cache
def pose_net_cost(size: tuple[int, int]) -> Cost:
    """HRNet-W48 with its head over 17 key points, at this size."""
    with torch.device("meta"):  # shapes without numbers: nothing is computed, only counted
        net, image = HRNetPose(48).eval(), torch.empty(1, 3, *size)
    return Cost(_gmacs(lambda: net(image)), _millions(net.parameters()))


def table_8_reading(size: tuple[int, int] = (384, 128), classes: int = OCCLUDED_DUKE_IDENTITIES) -> Cost:
    """What Table 8's cost of f_G is, counted: ResNet-50, a second last stage of its own, and one classifier."""
    model = PGFLKD(ModelConfig(weights="none", sab=False, separate_part_stage=True), classes).eval().to("meta")
    assert model.part_stage is not None
    image = torch.empty(1, 3, *size, device="meta")

    def whole() -> Tensor:
        first, second = model.feature_maps(image)
        return first.mean() + second.mean()

    classifier = model.main.width * classes
    counted = [*model.main.parameters(), *model.part_stage.parameters()]
    return Cost(_gmacs(whole) + classifier / 1e9, _millions(counted) + classifier / 1e6)


def _there(config: ModelConfig, feature: Feature) -> bool:
    needed = {"e": config.feb, "f": config.feb, "p": config.sab, "v": config.sab and config.interaction}
    return needed.get(feature, True)


def _used(model: PGFLKD, feature: Feature) -> Iterable[Tensor]:
    """The parameters that take part in this feature, the classifiers aside."""
    modules: list[nn.Module | None] = []
    if feature in ("g", "e", "v") or model.part_stage is None:
        modules.append(model.main)
    else:
        modules += split_last_stage(model.main.backbone)[0]
    if feature != "g":
        modules.append(model.part_stage)
    if feature in ("p", "v"):
        modules.append(model.sab)
    necks = {"g": model.neck_g, "e": model.neck_e, "v": model.neck_v}
    if feature in necks and (neck := necks[feature]) is not None:
        modules.append(neck.norm)
    return [parameter for module in modules if module is not None for parameter in module.parameters()]


def _embedding_gmacs(model: PGFLKD, feature: Feature, size: tuple[int, int]) -> float:
    image, heatmaps = torch.zeros(1, 3, *size), torch.zeros(1, _KEYPOINTS, size[0] // 4, size[1] // 4)
    return _gmacs(lambda: model.embed(image, None if feature == "g" else heatmaps, feature))


def _gmacs(forward: Callable[[], Tensor]) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward()
    return float(counter.get_total_flops()) / 2 / 1e9


def _millions(parameters: Iterable[Tensor]) -> float:
    return sum(parameter.numel() for parameter in parameters) / 1e6
