"""The learning rate over time, what is decayed, and the moving average."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from training.average import follow, start_average
from training.config import LossConfig, TrainConfig
from training.optimiser import create_optimiser
from training.schedule import branch_warmup, learning_rate

PAPER = TrainConfig()


@pytest.mark.parametrize(
    ("epoch", "factor"), [(5, 0.5), (10, 1), (29.9, 1), (30, 0.1), (69, 0.1), (70, 0.01), (119, 0.01)]
)
def test_section_4_2(epoch: float, factor: float) -> None:
    assert learning_rate(PAPER, epoch) == pytest.approx(3.5e-4 * factor)


def test_cosine_falls_to_zero_at_the_end() -> None:
    config = replace(PAPER, schedule="cosine", warmup_epochs=20, epochs=120)
    assert learning_rate(config, 20) == pytest.approx(3.5e-4)
    assert learning_rate(config, 70) == pytest.approx(3.5e-4 / 2)
    assert learning_rate(config, 120) == pytest.approx(0, abs=1e-12)


def test_branches_grow_linearly() -> None:
    assert branch_warmup(PAPER, 0) == 1
    config = replace(PAPER, loss=LossConfig(branch_warmup_epochs=4))
    assert [branch_warmup(config, epoch) for epoch in (0, 1, 4, 9)] == [0, 0.25, 1, 1]


def test_only_matrices_and_kernels_are_decayed() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    model[1].bias.requires_grad_(False)  # type: ignore[union-attr]
    decayed, others = create_optimiser(model, PAPER).param_groups
    assert [p.shape for p in decayed["params"]] == [(4, 3, 1, 1)]
    assert (decayed["weight_decay"], others["weight_decay"]) == (5e-4, 0)
    assert len(others["params"]) == 2  # the frozen bias is not there


def test_the_average_forgets_its_start_and_then_decays() -> None:
    model = nn.BatchNorm1d(2)
    average = start_average(model)
    nn.init.constant_(model.weight, 3.0)
    follow(average, model, decay=0.9, step=1)
    expected = 1 / 11 + 3 * 10 / 11
    torch.testing.assert_close(average.weight, torch.full((2,), expected))
    follow(average, model, decay=0.9, step=10_000)
    torch.testing.assert_close(average.weight, torch.full((2,), 0.9 * expected + 0.1 * 3))
    model.num_batches_tracked += 5  # type: ignore[operator]
    follow(average, model, decay=0.9, step=10_000)
    assert average.num_batches_tracked == 5
