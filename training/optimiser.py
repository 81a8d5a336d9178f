"""The optimiser of Sec. 4.2."""

from __future__ import annotations

import torch
from torch import nn

from training.config import TrainConfig


def create_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Adam or AdamW over all trainable weights; biases and normalisation layers (one-dimensional) are not decayed."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.learning_rate, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """The same for all weights."""
    for group in optimiser.param_groups:
        group["lr"] = value
