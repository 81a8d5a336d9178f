"""What is exported: a training checkpoint, or a timm backbone with plain weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import nn

from export.provenance import IMAGENET_TERMS, NOT_STATED, data_terms, initial_terms, training_data
from reid_contract import PreprocessSpec
from reid_contract.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from training.backbone import create_backbone, parse_weights
from training.checkpoint import load_checkpoint
from training.model.main_branch import MainBranch

TIMM_PREFIX = "timm:"
DEFAULT_SIZE = (256, 128)
_SIDE_STEP = 16  # the feature map is h = H/16, w = W/16 with the last stage at stride 1
_LITE0 = "tf_efficientnet_lite0"


@dataclass(frozen=True)
class Source:
    """What is left after stripping, and what is known about it.

    main: the main branch in evaluation mode. neck: normalisation after it, or None. training_data: in words. licence:
    terms of the data, of plain weights theirs. initial_terms: of what training began from, or empty. dataset: name of
    the training data set, where there is one.
    """

    backbone: str
    main: MainBranch
    neck: nn.BatchNorm1d | None
    spec: PreprocessSpec
    training_data: str
    licence: str
    initial_terms: str = ""
    dataset: str | None = None


def load_source(source: str, *, size: tuple[int, int] | None = None, weights: str | None = None) -> Source:
    """Reads a checkpoint file, or `timm:NAME`.

    size, weights: (height, width) and where from, for `timm:` only; a checkpoint knows both. Raises ValueError or
    OSError naming what is wrong.
    """
    if source.startswith(TIMM_PREFIX):
        return _from_timm(source.removeprefix(TIMM_PREFIX), size or DEFAULT_SIZE, weights or "imagenet")
    if size is not None or weights is not None:
        raise ValueError(f"--size and --weights are for {TIMM_PREFIX}NAME; the checkpoint {source} says both itself")
    return _from_checkpoint(Path(source))


def parse_size(text: str) -> tuple[int, int]:
    """`384x128` as (height, width) = (384, 128). Raises ValueError saying what is allowed."""
    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(side and side % _SIDE_STEP == 0 for side in sides):
        raise ValueError(
            f"--size is {text!r}; allowed: HEIGHTxWIDTH, both divisible by {_SIDE_STEP}, such as 256x128 or 384x128"
        )
    return sides


def _from_checkpoint(file: Path) -> Source:
    checkpoint = load_checkpoint(file)
    try:
        model = checkpoint.build_model()
    except ValueError as error:  # does not name the file
        raise ValueError(f"{file}, of {checkpoint.config.model.backbone}: {error}") from error
    config = checkpoint.config
    return Source(
        backbone=config.model.backbone,
        main=model.main,
        neck=model.neck_g.norm if config.model.test_feature == "after-neck" else None,
        spec=config.spec,
        training_data=training_data(checkpoint),
        licence=data_terms(config.dataset),
        initial_terms=initial_terms(config),
        dataset=config.dataset,
    )


def _from_timm(name: str, size: tuple[int, int], weights: str) -> Source:
    torch.manual_seed(0)  # so that `--weights none` is the same file every time
    backbone = create_backbone(name, parse_weights(weights))
    mean, std = _statistics(name, backbone)
    return Source(
        backbone=name,
        main=MainBranch(backbone).eval(),
        neck=None,
        spec=PreprocessSpec(*size, mean=mean, std=std),
        training_data={
            "imagenet": "ImageNet-1k (classification); not trained for re-identification",
            "none": "none: random weights",
        }.get(weights, f"as {Path(weights).name}; {NOT_STATED}"),
        licence={
            "imagenet": _imagenet_licence(backbone),
            "none": "none: random weights",
        }.get(weights, NOT_STATED),
    )


def _statistics(name: str, backbone: nn.Module) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(mean, std) the weights were trained with, as timm notes them.

    The packaged EfficientNet-Lite0 is not timm's: its running statistics fit ImageNet's mean and std, not timm's 0.5
    (benchmarks/export/normalisation.json).
    """
    noted = backbone.pretrained_cfg
    assert isinstance(noted, Mapping)
    if name == _LITE0:
        return IMAGENET_MEAN, IMAGENET_STD
    return tuple(noted.get("mean", IMAGENET_MEAN)), tuple(noted.get("std", IMAGENET_STD))


def _imagenet_licence(backbone: nn.Module) -> str:
    noted = backbone.pretrained_cfg
    assert isinstance(noted, Mapping)
    weights = noted.get("license") or "terms not stated by timm"
    return f"weights {weights} (timm {timm.__version__}); {IMAGENET_TERMS}"
