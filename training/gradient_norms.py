"""How hard each loss term pulls on the shared trunk: a term of large features can drown the others."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.distributed import averaged
from training.losses.overall import LossParts


def gradient_norms(parts: LossParts, trunk: Iterable[nn.Parameter]) -> dict[str, float]:
    """For each term, with its weight, the Euclidean norm of its gradient over all of the trunk's weights.

    One backward pass for each term; `parts` can be run backward afterwards. Of several processes all must ask at the
    same time, and get the norm of the gradient that they share.
    """
    weights = [parameter for parameter in trunk if parameter.requires_grad]
    return {name: parts.weights[name] * _norm(term, weights) for name, term in parts.terms.items()}


def _norm(term: Tensor, weights: list[nn.Parameter]) -> float:
    gradients = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    found = [gradient.flatten() for gradient in gradients if gradient is not None]
    return float(averaged(torch.cat(found)).norm()) if found else 0.0
