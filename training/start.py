"""A run that starts from what another run has learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from training.checkpoint import CheckpointError, load_checkpoint
from training.model.pgflkd import PGFLKD

PERSONS = ("training crops", "training labels")
"""The inputs of a run that say who its classifiers tell apart."""


def start_from(model: PGFLKD, file: Path, inputs: Mapping[str, str]) -> None:
    """Gives `model` the weights of the checkpoint, its moving average where it has one; the optimiser starts anew.

    Classifiers of other persons are left as they are. inputs: of this run, as `fit` keeps them in its checkpoints.
    Raises CheckpointError where the file is of another network, FileNotFoundError.
    """
    try:
        checkpoint = load_checkpoint(file)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"start is {str(file)!r}; allowed: a checkpoint that `python -m training fit` wrote"
        ) from None
    own, learned = model.state_dict(), checkpoint.learned
    others = any(checkpoint.inputs.get(name, inputs.get(name)) != inputs.get(name) for name in PERSONS)
    fitting = {
        name: tensor
        for name, tensor in learned.items()
        if name in own and tensor.shape == own[name].shape and not (others and ".classifier." in name)
    }
    left = [name for name in own.keys() | learned.keys() if name not in fitting and ".classifier." not in name]
    if left:
        raise CheckpointError(f"{file} is of another network: {len(left)} tensors do not fit, such as {min(left)}")
    model.load_state_dict(fitting, strict=False)
