"""The foreground-enhanced branch (FEB), Sec. 3.2."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

AttentionKind = Literal["cosine", "dot"]
_TINY = 1e-12  # a cosine with nothing is 0


def foreground_query(part_features: Tensor) -> Tensor:
    """f_L = (Σ_k f_{l,k}) / K: (N, K, c) -> (N, c)."""
    return part_features.mean(dim=1)


def foreground_attention(feature_map: Tensor, query: Tensor, *, kind: AttentionKind, temperature: float) -> Tensor:
    """The score map a of Eq. 2: how much each position looks like the visible body, as weights that sum to 1.

    feature_map: F (N, c, h, w). query: f_L (N, c). kind: "cosine", as the paper's text says, divided by `temperature`;
    "dot" is the equation as printed, without temperature. Returns (N, h, w).
    """
    scores = torch.matmul(query[:, None], feature_map.flatten(2))  # (N, 1, c) · (N, c, hw) = (N, 1, hw)
    if kind == "cosine":  # F itself is not normalised: that would be a second F in memory, and a third on the way back
        lengths = torch.linalg.vector_norm(feature_map, dim=1).flatten(1)[:, None] * query.norm(dim=1)[:, None, None]
        scores = scores / (lengths.clamp_min(_TINY) * temperature)
    return scores.float().softmax(dim=2).view(-1, *feature_map.shape[2:])


def attentive_pool(feature_map: Tensor, attention: Tensor) -> Tensor:
    """f_F = Σ_ij a_ij F_ij of Eq. 3: (N, c, h, w) and (N, h, w) -> (N, c)."""
    weights = attention.flatten(1)[:, None]  # (N, 1, hw)
    return torch.matmul(weights.to(feature_map.dtype), feature_map.flatten(2).mT).squeeze(1)


def foreground_enhanced(foreground: Tensor, global_feature: Tensor) -> Tensor:
    """f_E = f_F + f_G: (N, c) and (N, c) -> (N, c)."""
    return foreground + global_feature
