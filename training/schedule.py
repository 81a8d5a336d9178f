"""Learning rate and warm-up as functions of time: nothing to store, nothing to restore."""

from __future__ import annotations

import math

from training.config import TrainConfig


def learning_rate(config: TrainConfig, epoch: float) -> float:
    """At a time in epochs from 0, such as 1.5 for half way through the second: linear warm-up, then ×0.1 at every
    milestone, or a cosine from the end of the warm-up to 0 at the end of the run (Sec. 4.2, [28])."""
    if epoch < config.warmup_epochs:
        return config.learning_rate * max(epoch / config.warmup_epochs, 0.01)
    if config.schedule == "step":
        return config.learning_rate * math.prod(0.1 for milestone in config.milestones if epoch >= milestone)
    progress = (epoch - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return config.learning_rate * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def branch_warmup(config: TrainConfig, epoch: float) -> float:
    """How far the pose-guided branches and the distillation weigh in, from 0 to 1."""
    epochs = config.loss.branch_warmup_epochs
    return min(epoch / epochs, 1.0) if epochs else 1.0
