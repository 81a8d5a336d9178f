"""Multi-part contrastive loss L_MCL, Eq. 5: from the SAB to the main branch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from training.losses.unit import unit
from training.pose.groups import GROUPS

K = len(GROUPS)


def positives() -> Tensor:
    """𝒫(i) of Eq. 5 as a mask (K, K): the part itself, and its mirror image for arms, knees and ankles."""
    kinds = [part.removeprefix("left ").removeprefix("right ") for part in GROUPS]
    return torch.tensor([[a == b for b in kinds] for a in kinds])


def multi_part_contrastive(
    global_feature: Tensor,
    part_feature: Tensor,
    *,
    similarity: Literal["cosine", "dot"] = "cosine",
    temperature: float = 0.07,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Each channel group f_{g,j} of the global feature is drawn to body part f_{p,i} for j ∈ 𝒫(i), and pushed off it
    for j ∈ 𝒩(i), within one image (Eq. 5); averaged over the batch.

    global_feature: f_G (N, c). part_feature: f_P (N, c), the teacher, detached here (Sec. 3.3). c is a multiple of K.
    similarity: "cosine" between groups of length 1; "dot" as printed. reduction: over the K parts; printed is "sum".
    Returns a scalar.
    """
    g = global_feature.reshape(len(global_feature), K, -1)  # (N, K, c/K), f_{g,j}
    p = part_feature.detach().reshape(len(part_feature), K, -1)  # (N, K, c/K), f_{p,i}
    if similarity == "cosine":
        g, p = unit(g), unit(p)
    scores = p @ g.mT / temperature  # (N, K, K): row i, column j
    of_positives = scores.masked_fill(~positives().to(scores.device), -torch.inf)
    loss = scores.logsumexp(dim=2) - of_positives.logsumexp(dim=2)  # (N, K), −log of Eq. 5's fraction
    return (loss.mean(dim=1) if reduction == "mean" else loss.sum(dim=1)).mean()
