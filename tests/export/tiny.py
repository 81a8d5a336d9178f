"""A network small enough to export in seconds, as a checkpoint."""

from __future__ import annotations

import json
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


def write_calibration_of(model: str, file: Path) -> Path:
    """As `python -m training calibrate` writes it for the model of that id."""
    fitted = {
        "model": model,
        "scores": [0.0, 1.0],
        "probabilities": [0.1, 0.9],
        "thresholds": [{"false_match_rate": 0.01, "true_match_rate": 0.5, "score": 0.7}],
        "match_share": 0.5,
        "source": "drawn people",
        "expected_calibration_error": 0.01,
    }
    file.write_text(json.dumps(fitted))
    return file
