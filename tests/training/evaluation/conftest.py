"""What the evaluation is tried on: a few drawn people, and models that have learned nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from training.checkpoint import Checkpoint, save_checkpoint
from training.config import ModelConfig, TrainConfig
from training.data.synthetic import draw_dataset
from training.model.pgflkd import PGFLKD
from training.presets import as_model


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train, query and gallery of six drawn people."""
    out = tmp_path_factory.mktemp("drawn")
    draw_dataset(out, people=6, cameras=3, sightings_per_person=4, height=64, width=32)
    return out


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """backbone -> a folder with an untrained PGFL-KD in whole.pt and an untrained Baseline in baseline.pt."""

    def made(backbone: str) -> Path:
        folder = tmp_path_factory.mktemp("untrained")
        config = TrainConfig(model=ModelConfig(backbone, weights="none"), height=64, width=32)
        for name, chosen in (("whole", config), ("baseline", as_model(config, "ablation-1"))):
            torch.manual_seed(0)
            weights = PGFLKD(chosen.model, classes=4).state_dict()
            save_checkpoint(folder / f"{name}.pt", Checkpoint(chosen, classes=4, epoch=0, step=0, weights=weights))
        return folder

    return made
