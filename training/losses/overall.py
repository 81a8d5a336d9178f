"""The overall loss, Eq. 10."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

from training.config import LossConfig
from training.losses.consistent import consistent_loss
from training.losses.identity import identity_loss
from training.losses.multi_part_contrastive import multi_part_contrastive
from training.losses.triplet import batch_hard_triplet
from training.losses.unit import unit
from training.model.pgflkd import PGFLOutput, Supervised


class LossParts(NamedTuple):
    """A scalar to minimise, and what it is made of."""

    total: Tensor
    terms: dict[str, Tensor]
    """id/G, triplet/G and so on for E and V, consistent, contrastive: before their weights, those that are on"""
    weights: dict[str, float]
    """total is the sum of weights[name] · terms[name]"""


class OverallLoss(nn.Module):
    """ℒ = ℒ_ReID^G + ℒ_ReID^E + ℒ_ReID^V + λ_cl ℒ_CL + λ_mcl ℒ_MCL (Eq. 10), without parameters of its own.

    gather: from this process's rows to those of all processes, for mining triplets in the whole batch.
    """

    def __init__(self, config: LossConfig, gather: Callable[[Tensor], Tensor] = lambda rows: rows) -> None:
        super().__init__()
        self.config = config
        self.gather = gather

    def forward(self, output: PGFLOutput, labels: Tensor, *, branches: float = 1.0) -> LossParts:
        """labels: (N,) integers from 0 to C-1. branches: how far E, V and the distillation are warmed up, 0 to 1."""
        supervised = {"G": output.main, "E": output.enhanced, "V": output.fused}
        terms: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        for name, feature in supervised.items():
            if feature is not None:
                reid = self._reid(feature, labels)
                weight = 1.0 if name == "G" else self.config.branch_weight * branches
                terms |= {f"{kind}/{name}": term for kind, term in reid.items()}
                weights |= {f"{kind}/{name}": weight for kind in reid}
        for name, (weight, term) in self._distillation(output).items():
            terms[name], weights[name] = term, weight * branches
        return LossParts(sum_of(terms, weights), terms, weights)

    def _reid(self, supervised: Supervised, labels: Tensor) -> dict[str, Tensor]:
        """ℒ_ReID: ID loss on the logits, triplet loss on the feature before the neck (Sec. 3.3, [28])."""
        config = self.config
        feature = unit(supervised.feature) if config.triplet_on == "normalised" else supervised.feature
        margin = config.margin if config.triplet == "margin" else None
        return {
            "id": identity_loss(supervised.logits, labels, label_smoothing=config.label_smoothing),
            "triplet": batch_hard_triplet(self.gather(feature), self.gather(labels), margin=margin),
        }

    def _distillation(self, output: PGFLOutput) -> dict[str, tuple[float, Tensor]]:
        """ℒ_CL and ℒ_MCL, or Table 7's ℒ_CL from the SAB, each with its λ; those that are switched on."""
        config, f_g, f_p = self.config, output.main.feature, output.parts
        normalised = config.consistent_on == "normalised"
        found: dict[str, tuple[float, Tensor]] = {}
        if config.consistent and output.enhanced is not None:
            loss = consistent_loss(f_g, output.enhanced.feature, normalised=normalised)
            found["consistent"] = config.lambda_cl, loss
        if config.sab_distillation == "contrastive" and f_p is not None:
            loss = multi_part_contrastive(
                f_g,
                f_p,
                similarity=config.similarity,
                temperature=config.temperature,
                reduction=config.part_reduction,
            )
            found["contrastive"] = config.lambda_mcl, loss
        if config.sab_distillation == "consistent" and f_p is not None:
            found["consistent-SAB"] = config.lambda_mcl, consistent_loss(f_g, f_p, normalised=normalised)
        return found


def sum_of(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Σ weights[name] · terms[name]."""
    return sum((weights[name] * term for name, term in terms.items()), start=next(iter(terms.values())).new_zeros(()))
