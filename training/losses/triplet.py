"""Triplet loss with batch-hard mining [11], the ranking part of L_ReID, Sec. 3.3.

Eq. 7 of the paper, -log(1 + e^…), has its sign wrong and stands there to derive Eq. 8 and 9; what is trained with is
the loss of [11] (Hermans et al. 2017, arXiv:1703.07737).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def batch_hard_triplet(features: Tensor, labels: Tensor, *, margin: float | None = 0.3) -> Tensor:
    """For each anchor the farthest crop of its identity against the nearest of any other, averaged over the anchors.

    features: (N, c), compared by Euclidean distance. labels: (N,) integers; every identity should be there at least
    twice (P×K sampling). margin: of the hinge; None takes the soft margin log(1 + e^x) of [11]. Returns a scalar.
    """
    same = labels[:, None] == labels[None, :]  # (N, N)
    # Not by way of a matrix product: for close features it loses the digits that decide which is hardest.
    distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    hardest_positive = distances.masked_fill(~same, 0).amax(dim=1)  # (N,)
    hardest_negative = distances.masked_fill(same, torch.inf).amin(dim=1)  # (N,)
    violation = hardest_positive - hardest_negative
    return (F.softplus(violation) if margin is None else F.relu(violation + margin)).mean()
