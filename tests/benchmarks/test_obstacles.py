"""What hides a person is where the two crops of a query differ, and the response is measured there."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.people import obstacles
from reid_contract import PreprocessSpec
from training.__main__ import main as training
from training.data.synthetic import draw_dataset
from training.evaluation.pictures.responses import scaled


class Brightness:
    """Answers to what is bright, in cells of 8×8 pixels."""

    spec = PreprocessSpec(64, 32)
    device = torch.device("cpu")

    def __init__(self) -> None:
        pool = nn.AvgPool2d(8)
        self.model = SimpleNamespace(main=SimpleNamespace(feature_map=lambda batch: self._map(pool(batch))))

    @staticmethod
    def _map(images: Tensor) -> Tensor:
        return (images - images.min()).sum(1, keepdim=True)


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    """A dark crop with one bright place, which a white object of another place hides nothing of."""
    dark = np.zeros((64, 32, 3), np.uint8)
    dark[:8, :8] = 100
    behind = dark.copy()
    behind[32:, :] = 255
    for name, pixels in (("source.png", dark), ("query.png", behind)):
        Image.fromarray(pixels).save(tmp_path / name)
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["split", "path", "source", "altered"])
        writer.writeheader()
        writer.writerow({"split": "query", "path": "query.png", "source": "source.png", "altered": "yes"})
        writer.writerow({"split": "gallery", "path": "query.png", "source": "source.png", "altered": "no"})
    return tmp_path


def test_a_model_that_answers_to_the_object_alone_is_told_from_one_that_does_not(hidden: Path) -> None:
    pairs = obstacles.pairs(hidden, hidden)
    assert len(pairs) == 1
    found = obstacles.measure(Brightness(), pairs)  # type: ignore[arg-type] # of a model, only what is asked
    assert found["on_the_object"] == 1
    assert found["beside_it"] == pytest.approx(100 / 255 / 16, abs=0.002)
    assert found["there_without_it"] == 0


def test_the_object_is_as_large_as_the_manifest_of_make_occluded_says(tmp_path: Path) -> None:
    drawn, hidden = tmp_path / "drawn", tmp_path / "hidden"
    draw_dataset(drawn, 6, 3, 4, 3, height=128, width=64)
    options = ["--dataset", "synthetic", "--data", str(drawn), "--output", str(hidden), "--occluders", "drawn"]
    assert training(["make-occluded", *options, "--cover", "0.2", "0.5"]) == 0
    with (hidden / "manifest.csv").open(newline="") as file:
        told = [float(row["hidden_share"]) for row in csv.DictReader(file) if row["split"] == "query"]
    pairs = obstacles.pairs(hidden, drawn)
    assert len(pairs) == len(told) > 0
    for pair, share in zip(pairs, told, strict=True):
        assert obstacles.object_share(pair, (16, 8)).mean() == pytest.approx(share, abs=0.05)
        assert np.array_equal(obstacles.object_share((pair[1], pair[1]), (16, 8)), np.zeros((16, 8)))


def test_responses_run_from_0_to_1_and_what_is_the_same_everywhere_is_0() -> None:
    maps = np.stack([np.arange(6, dtype=np.float32).reshape(2, 3) + 7, np.full((2, 3), 3, np.float32)])
    shares = scaled(maps)
    assert shares[0].min() == 0
    assert shares[0].max() == 1
    assert not shares[1].any()
