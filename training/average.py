"""A moving average of the weights (Polyak & Juditsky 1992), which generalises better than the last step's."""

from __future__ import annotations

import copy

import torch
from torch import nn


def start_average(model: nn.Module) -> nn.Module:
    """A copy that follows the model; it is never trained."""
    return copy.deepcopy(model).eval().requires_grad_(False)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Average ← d · average + (1 − d) · model, with d growing to `decay` so that the first steps are forgotten.

    Weights and running statistics; counters are copied. step: taken so far, from 1.
    """
    decay = min(decay, step / (step + 10))
    ours, theirs = average.state_dict(), model.state_dict()
    floats = [name for name, value in ours.items() if value.is_floating_point()]
    torch._foreach_lerp_([ours[name] for name in floats], [theirs[name] for name in floats], 1 - decay)
    for name in ours.keys() - set(floats):
        ours[name].copy_(theirs[name])
