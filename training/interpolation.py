"""Weights between a run and one that was started from it, which often keep what both know (Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models", CVPR, Eq. 1)."""

from __future__ import annotations

import dataclasses

from training.checkpoint import Checkpoint, CheckpointError
from training.start import PERSONS


def between(first: Checkpoint, second: Checkpoint, share: float) -> Checkpoint:
    """(1 − share) · first + share · second, running statistics too; counters and all else are the second's.

    share: 0 to 1. The averaged weights are taken where a run keeps some. There is no optimiser in it to go on with.
    Raises ValueError for another share, CheckpointError for two networks, or classifiers of different persons.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the second's share is {share}; allowed: 0 to 1")
    one, other = first.learned, second.learned
    if first.config.model != second.config.model or one.keys() != other.keys():
        raise CheckpointError(
            "the two checkpoints are of different networks; needed: one that was started from the other"
        )
    if any(first.inputs.get(name) != second.inputs.get(name) for name in PERSONS):
        raise CheckpointError(
            "the two checkpoints tell different persons apart; needed: runs on the same training crops"
        )
    weights = {
        name: tensor.lerp(other[name], share) if tensor.is_floating_point() else other[name]
        for name, tensor in one.items()
    }
    return dataclasses.replace(second, weights=weights, average=None, optimiser={})
