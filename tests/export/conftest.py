"""What the export tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.export.tiny import HEIGHT, WIDTH, write_checkpoint
from training.data.synthetic import draw_dataset


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PGFL-KD on a tiny backbone, all branches."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "last.pt")


@pytest.fixture(scope="session")
def drawn_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of drawn people: train/, query/ and gallery/."""
    folder = tmp_path_factory.mktemp("drawn") / "people"
    draw_dataset(folder, people=8, cameras=3, sightings_per_person=4, height=HEIGHT, width=WIDTH)
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
