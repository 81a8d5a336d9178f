"""A network small enough to export in seconds, as a checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch

from training.checkpoint import Checkpoint, save_checkpoint
from training.config import ModelConfig, TrainConfig
from training.model.pgflkd import PGFLKD

CLASSES = 5
HEIGHT, WIDTH = 64, 32


def write_checkpoint(file: Path, **model: object) -> Path:
    """Random weights, and statistics of the neck as after training."""
    torch.manual_seed(0)
    config = TrainConfig(
        model=ModelConfig(backbone="test_resnet", weights="none", **model),  # type: ignore[arg-type]
        dataset="synthetic",
        height=HEIGHT,
        width=WIDTH,
    )
    network = PGFLKD(config.model, CLASSES)
    norm = network.neck_g.norm
    torch.nn.init.uniform_(norm.weight, 0.5, 2.0)
    norm.running_mean.uniform_(-0.2, 0.2)
    norm.running_var.uniform_(0.5, 2.0)
    save_checkpoint(file, Checkpoint(config, CLASSES, epoch=3, step=30, weights=network.state_dict()))
    return file
