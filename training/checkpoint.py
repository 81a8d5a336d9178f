"""A checkpoint: one file with everything needed to go on training, or to rebuild the model and use it."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import TrainConfig
from training.fields import from_dict
from training.model.pgflkd import PGFLKD

_FORMAT = 1


class CheckpointError(ValueError):
    """A file is not a checkpoint of this project, or of a version this code does not know."""


@dataclass(frozen=True)
class Checkpoint:
    """config: of the run. classes: identities it was trained on. epoch: epochs completed. step: optimiser steps taken.
    weights: the model's state dict. average: its moving average, where the run keeps one. optimiser: state dict.
    random_state: of torch's global generator. code_version: of the project that wrote it.
    """

    config: TrainConfig
    classes: int
    epoch: int
    step: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor] | None = None
    optimiser: dict[str, Any] = field(default_factory=dict)
    random_state: Tensor = field(default_factory=torch.get_rng_state)
    code_version: str = "unknown"

    @property
    def learned(self) -> dict[str, Tensor]:
        """The weights to use: averaged where there is an average."""
        return self.weights if self.average is None else self.average

    def build_model(self) -> PGFLKD:
        """The trained model, on the CPU and in eval mode, with the averaged weights where there are any."""
        without_download = dataclasses.replace(self.config.model, weights="none")
        model = PGFLKD(without_download, self.classes)
        model.load_state_dict(self.learned)
        model.config = self.config.model
        return model.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file, or leaves the one that was there: a stopped process never leaves half a checkpoint."""
    content = {item.name: getattr(checkpoint, item.name) for item in dataclasses.fields(checkpoint)}
    content |= {"format": _FORMAT, "config": json.dumps(dataclasses.asdict(checkpoint.config))}
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads what `save_checkpoint` wrote, onto the CPU; nothing in the file is executed. Raises CheckpointError naming
    the file, FileNotFoundError."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:  # OSError: a cut-off archive
        raise CheckpointError(f"{path} is not a checkpoint: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of format {_FORMAT}, as `python -m training fit` writes it")
    content.pop("format")
    try:
        content["config"] = from_dict(TrainConfig, json.loads(content["config"]))
        return Checkpoint(**content)
    except (TypeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} was written by another version ({content.get('code_version')}): {error}"
        ) from error
