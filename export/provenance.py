"""What a checkpoint learned from and on which terms, in words: a model inherits those of everything before it."""

from __future__ import annotations

from pathlib import Path

from training.checkpoint import Checkpoint
from training.config import TrainConfig
from training.data.datasets.market import CUHK03, DUKEMTMC, MARKET1501, OCCLUDED_DUKE
from training.data.datasets.paired import P_DUKEMTMC
from training.data.holdout import STARTED_FROM, left_out
from training.presets import as_model

NOT_STATED = "not stated"
IMAGENET_TERMS = "ImageNet's images are for non-commercial research"
_PUBLISHED = {
    dataset.name: dataset.licence for dataset in (MARKET1501, DUKEMTMC, OCCLUDED_DUKE, P_DUKEMTMC, CUHK03)
}  # those with a training split


def training_data(checkpoint: Checkpoint) -> str:
    """Data set, persons, those left out for calibration, epochs, scheme, and what training began from."""
    config = checkpoint.config
    seen = f"{config.dataset}, {checkpoint.classes} identities"
    if config.hold_out:
        seen += f", {left_out(config.hold_out)}"  # `calibrate --held-out` looks for these words
    learned = f"{seen}, {checkpoint.epoch} epochs ({_scheme(config)})"
    beginning = (
        _foreign_beginning(config)
        or {
            "imagenet": "initial weights of ImageNet",
            "none": "random initial weights",
        }[config.model.weights]
    )
    return f"{learned}; {beginning}"


def data_terms(dataset: str) -> str:
    """Terms of a data set that is published under its name; those of others only its files can tell."""
    return _PUBLISHED.get(dataset, NOT_STATED)


def initial_terms(config: TrainConfig) -> str:
    """Terms of what training began from; empty where that was random."""
    imagenet = f"initial weights of ImageNet: {IMAGENET_TERMS}" if config.model.weights == "imagenet" else ""
    return _foreign_beginning(config) or imagenet


def _foreign_beginning(config: TrainConfig) -> str:
    """Names a file that training began from, without its folder; empty where there was none."""
    if config.start:
        return f"{STARTED_FROM} {Path(config.start).name}, whose data and terms apply too"
    if config.model.weights not in ("imagenet", "none"):
        return f"initial weights of {Path(config.model.weights).name}, whose data and terms apply too"
    return ""


def _scheme(config: TrainConfig) -> str:
    """The paper's name of it, or the branches that were there."""
    if not config.model.needs_pose:
        return "Baseline"
    if config == as_model(config, "ablation-6"):
        return "PGFL-KD"
    branches = {"MB": True, "SAB": config.model.sab, "FEB": config.model.feb}
    return "+".join(name for name, there in branches.items() if there)
