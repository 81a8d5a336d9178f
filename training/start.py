"""A run that starts from what another run has learned."""

from __future__ import annotations

from pathlib import Path

from training.checkpoint import CheckpointError, load_checkpoint
from training.model.pgflkd import PGFLKD


def start_from(model: PGFLKD, file: Path) -> None:
    """Gives `model` the weights of the checkpoint, its moving average where it has one; the optimiser starts anew.

    Classifiers of another number of persons are left as they are. Raises CheckpointError where the file is of another
    network, FileNotFoundError.
    """
    try:
        learned = load_checkpoint(file).learned
    except FileNotFoundError:
        raise FileNotFoundError(
            f"start is {str(file)!r}; allowed: a checkpoint that `python -m training fit` wrote"
        ) from None
    own = model.state_dict()
    fitting = {name: tensor for name, tensor in learned.items() if name in own and tensor.shape == own[name].shape}
    left = [name for name in own.keys() | learned.keys() if name not in fitting and ".classifier." not in name]
    if left:
        raise CheckpointError(f"{file} is of another network: {len(left)} tensors do not fit, such as {min(left)}")
    model.load_state_dict(fitting, strict=False)
