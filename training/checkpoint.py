"""A checkpoint: one file with everything needed to go on training, or to rebuild the model and use it."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import ModelConfig, TrainConfig
from training.fields import from_dict
from training.model.pgflkd import PGFLKD
from training.tensor_file import read_tensors

_FORMAT = 1


class CheckpointError(ValueError):
    """A file is not a checkpoint of this project, or of a version this code does not know."""


@dataclass(frozen=True)
class Checkpoint:
    """config: of the run. classes: identities it was trained on. epoch: epochs completed. step: optimiser steps taken.
    weights: the model's state dict. average: its moving average, where the run keeps one. optimiser: state dict.
    random_state: of torch's global generator. code_version: of the project that wrote it. inputs: what the run reads
    beside its configuration, by name, such as the fingerprint of its crops; a resumed run must find the same.
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
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def learned(self) -> dict[str, Tensor]:
        """The weights to use: averaged where there is an average."""
        return self.weights if self.average is None else self.average

    def build_model(self) -> PGFLKD:
        """The trained model, on the CPU and in eval mode, with the averaged weights where there are any.

        Raises CheckpointError where the weights are not those of the configuration's network."""
        model = build_network(self.config.model, self.classes)
        try:
            model.load_state_dict(self.learned)
        except (RuntimeError, TypeError) as error:
            told = " ".join(str(error).split())
            raise CheckpointError(f"the checkpoint's weights are not those of its network: {told:.300}") from error
        return model.eval()


def build_network(config: ModelConfig, classes: int) -> PGFLKD:
    """The network for weights that are about to be loaded: initial ones are neither needed nor looked for."""
    model = PGFLKD(dataclasses.replace(config, weights="none"), classes)
    model.config = config
    return model


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file, or leaves the one that was there: a stopped process never leaves half a checkpoint.

    Raises OSError naming the file where the disk is full."""
    content = {item.name: getattr(checkpoint, item.name) for item in dataclasses.fields(checkpoint)}
    content |= {"format": _FORMAT, "config": json.dumps(dataclasses.asdict(checkpoint.config))}
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError | RuntimeError):  # torch tells of a full disk in words of its own
            cause = error.__context__ if isinstance(error.__context__, OSError) else error
            told = (str(cause).splitlines() or [type(cause).__name__])[0]
            raise OSError(f"{path} was not written, the disk may be full: {told}") from error
        raise


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads what `save_checkpoint` wrote, onto the CPU; nothing in the file is executed. Raises CheckpointError naming
    the file, FileNotFoundError."""
    try:
        content = read_tensors(path)
    except ValueError as error:
        raise CheckpointError(f"{path} is not a checkpoint: {error}") from error
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
