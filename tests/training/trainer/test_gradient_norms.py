"""How hard each term pulls on the trunk."""

from __future__ import annotations

import torch
from torch import nn

from training.gradient_norms import gradient_norms
from training.losses.overall import LossParts


def test_by_hand() -> None:
    trunk, head = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor(1.0))
    terms = {"id/G": (trunk * torch.tensor([3.0, 4.0])).sum(), "consistent": head * 2}
    parts = LossParts(terms["id/G"] + terms["consistent"], terms, {"id/G": 0.5, "consistent": 1.0})
    assert gradient_norms(parts, [trunk]) == {"id/G": 2.5, "consistent": 0.0}
    parts.total.backward()  # type: ignore[no-untyped-call]
    assert trunk.grad is not None
