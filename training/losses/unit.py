"""Features of length 1."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def unit(features: Tensor) -> Tensor:
    """(…, c) -> the same, each vector of length 1. Those shorter than 0.01 are a dead channel group, and stay short:
    the gradient of their direction would be without bound."""
    return F.normalize(features, dim=-1, eps=1e-2)
