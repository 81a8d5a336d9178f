"""A data set of noise with its heat maps, and a configuration that trains on it in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.config import ModelConfig, TrainConfig
from training.data.augment import AugmentConfig
from training.data.datasets import load_dataset
from training.pose.cache import PoseCache

IDENTITIES, CROPS = 4, 6


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `folder` data set whose identities differ in colour."""
    root = tmp_path_factory.mktemp("noise")
    random = np.random.default_rng(0)
    for split, first in (("train", 1), ("query", 101), ("gallery", 101)):
        (root / split).mkdir()
        for person in range(first, first + IDENTITIES):
            colour = np.random.default_rng(person).integers(0, 200, 3)
            for crop in range(CROPS if split == "train" else 2):
                camera = crop % 2 + 1 + 2 * (split == "gallery")
                pixels = colour + random.integers(0, 56, (64, 32, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(root / split / f"{person:04d}_c{camera}_{crop}.png")
    return root


@pytest.fixture(scope="session")
def pose(noise: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random heat maps of its training crops."""
    path = tmp_path_factory.mktemp("pose")
    records = load_dataset("folder", noise).train
    cache = PoseCache.create(path, records, "random", (16, 8))
    cache.append(torch.rand(len(records), 17, 16, 8, generator=torch.Generator().manual_seed(0)))
    cache.save()
    return path


@pytest.fixture
def config() -> TrainConfig:
    """Full PGFL-KD on a backbone of 0.4 M weights."""
    return TrainConfig(
        model=ModelConfig(backbone="test_resnet", weights="none"),
        augment=AugmentConfig(pad=2, occlude=0.5),
        dataset="folder",
        height=64,
        width=32,
        identities=2,
        images=3,
        epochs=2,
        learning_rate=1e-3,
        warmup_epochs=1,
        ema=0.9,
    )
