"""One training step of PGFL-KD, of the Baseline, and of the bare backbone, on the same batch."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import nn

from benchmarks.training.one_trunk import ONE_TRUNK
from training.batches import Batch
from training.config import TrainConfig
from training.distributed import Processes
from training.presets import COMPACT, as_model, preset
from training.trainer import Trainer

CLASSES = 751  # of Market-1501, for the classifiers
ALONE = Processes(0, 1, torch.device("cpu"))


def config_of(backbone: str, height: int, width: int, identities: int, *, apart: bool = False) -> TrainConfig:
    """`compact` with one trunk, or the preset `paper` for a ResNet, at one size and from random weights: speed is the
    same. apart: the preset `compact`, whose teachers have a last stage of their own."""
    base = preset("paper") if backbone.startswith("resnet") else COMPACT if apart else ONE_TRUNK
    model = replace(base.model, backbone=backbone, weights="none")
    return replace(base, model=model, height=height, width=width, growth=(), identities=identities, images=4)


def batch_of(config: TrainConfig) -> Batch:
    """Noise, in the layout that the trainer gets."""
    images = torch.randn(config.batch_size, 3, config.height, config.width).contiguous(
        memory_format=torch.channels_last
    )
    heatmaps = torch.rand(config.batch_size, 17, config.height // 4, config.width // 4)
    return Batch(images, heatmaps, torch.arange(config.identities).repeat_interleave(config.images))


def works(config: TrainConfig) -> dict[str, Callable[[], object]]:
    """What is timed, by name. A bare step is forward and backward of the backbone alone, without loss or update."""
    batch = batch_of(config)
    pgflkd = Trainer(config, CLASSES, 100, ALONE)
    baseline = Trainer(as_model(config, "ablation-1"), CLASSES, 100, ALONE)
    backbone: nn.Module = copy.deepcopy(baseline.model.main.backbone).train()
    return {
        "bare": lambda: backbone(batch.images).mean().backward(),
        "baseline": lambda: baseline.step(batch),
        "pgflkd": lambda: pgflkd.step(batch),
    }


def paired(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each work in every round, one after another in a changing order, after one round to warm up."""
    names = list(works)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = time.process_time()
            works[name]()
            if number:
                seconds[name].append(time.process_time() - start)
    return seconds


def ratio(seconds: Mapping[str, list[float]], of: str, to: str) -> float:
    """Median over the rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(seconds[of], seconds[to], strict=True))
