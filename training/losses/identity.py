"""ID loss: the cross-entropy part of L_ReID, Sec. 3.3."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def identity_loss(logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.1) -> Tensor:
    """Cross-entropy with label smoothing as in [28], averaged over the batch.

    logits: (N, C). labels: (N,) integers from 0 to C-1. Returns a scalar.
    """
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
