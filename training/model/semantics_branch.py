"""The body part semantics aligned branch (SAB), Sec. 3.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.pose.groups import GROUPS

K = len(GROUPS)


class SemanticsAlignedBranch(nn.Module):
    """f_{p,k} = ReLU(BN(W_k f_{l,k})) and f_P = [f_{p,1}, …, f_{p,K}]: (N, K, c) -> (N, c).

    Channel group k of f_P, c/K channels wide, holds body part k: that is what aligns it across images. W is
    (K, c/K, c). One batch normalisation over the K·c/K channels is K of them side by side.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % K:
            raise ValueError(f"the backbone's width is {width}; allowed: a multiple of K = {K}, one group a body part")
        self.projection = nn.Parameter(torch.empty(K, width // K, width))
        for part in self.projection.data:
            nn.init.kaiming_normal_(part, mode="fan_in", nonlinearity="relu")
        self.norm = nn.BatchNorm1d(width)

    def forward(self, part_features: Tensor) -> Tensor:
        reduced = torch.einsum("nkc,kdc->nkd", part_features, self.projection)  # (N, K, c/K)
        return F.relu(self.norm(reduced.flatten(1)))  # (N, c)


def fuse(global_feature: Tensor, part_feature: Tensor) -> Tensor:
    """f_V = f_G + f_P of Eq. 6: (N, c) and (N, c) -> (N, c). Both get the same gradient (Eq. 8 and 9)."""
    return global_feature + part_feature
