"""A run that starts from the weights of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.checkpoint import Checkpoint, CheckpointError, save_checkpoint
from training.config import ModelConfig, TrainConfig
from training.distributed import Processes
from training.model.pgflkd import PGFLKD
from training.trainer import Trainer

ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture
def learned(config: TrainConfig, tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """A checkpoint of four persons, and its weights."""
    torch.manual_seed(7)
    weights = PGFLKD(config.model, classes=4).state_dict()
    save_checkpoint(tmp_path / "last.pt", Checkpoint(config, classes=4, epoch=1, step=9, weights=weights))
    return tmp_path / "last.pt", weights


def differing(trainer: Trainer, weights: dict[str, torch.Tensor]) -> set[str]:
    own = trainer.model.state_dict()
    return {name for name in own if not torch.equal(own[name], weights[name])}


def test_the_same_persons_keep_every_weight(config: TrainConfig, learned: tuple[Path, dict[str, torch.Tensor]]) -> None:
    file, weights = learned
    trainer = Trainer(replace(config, start=str(file)), 4, 5, ALONE)
    assert differing(trainer, weights) == set()
    assert trainer.taken == 0
    assert trainer.checkpoint().config.start == str(file)


def test_other_persons_get_new_classifiers(config: TrainConfig, learned: tuple[Path, dict[str, torch.Tensor]]) -> None:
    file, weights = learned
    own = Trainer(replace(config, start=str(file)), 6, 5, ALONE).model.state_dict()
    differ = {
        name for name in own if own[name].shape != weights[name].shape or not torch.equal(own[name], weights[name])
    }
    assert differ == {f"neck_{branch}.classifier.weight" for branch in "gev"}


@pytest.mark.parametrize("name", ["training crops", "training labels"])
def test_as_many_other_persons_get_new_classifiers_too(config: TrainConfig, tmp_path: Path, name: str) -> None:
    weights = PGFLKD(config.model, classes=4).state_dict()
    inputs = {"training crops": "crops", "training labels": "labels"}
    save_checkpoint(tmp_path / "last.pt", Checkpoint(config, 4, 1, 9, weights, inputs=inputs))
    config = replace(config, start=str(tmp_path / "last.pt"))
    assert differing(Trainer(config, 4, 5, ALONE, inputs=inputs), weights) == set()
    others = differing(Trainer(config, 4, 5, ALONE, inputs=inputs | {name: "others"}), weights)
    assert others == {f"neck_{branch}.classifier.weight" for branch in "gev"}


def test_a_run_that_goes_on_does_not_look_at_it(config: TrainConfig) -> None:
    config = replace(config, start="gone.pt")
    weights = PGFLKD(config.model, classes=4).state_dict()
    optimiser = Trainer(replace(config, start=""), 4, 5, ALONE).checkpoint().optimiser
    average = weights if config.ema else None
    checkpoint = Checkpoint(config, 4, 1, 9, weights, average, optimiser)
    assert differing(Trainer(config, 4, 5, ALONE, checkpoint), weights) == set()


@pytest.mark.parametrize("change", [{"backbone": "test_efficientnet"}, {"sab": False}])
def test_another_network_is_refused(
    config: TrainConfig, learned: tuple[Path, dict[str, torch.Tensor]], change: dict[str, object]
) -> None:
    file, _ = learned
    model = replace(config.model, **change)  # type: ignore[arg-type]
    assert isinstance(model, ModelConfig)
    with pytest.raises(CheckpointError, match=r"last\.pt is of another network: \d+ tensors do not fit, such as"):
        Trainer(replace(config, start=str(file), model=model), 4, 5, ALONE)


def test_a_missing_file_is_named(config: TrainConfig) -> None:
    with pytest.raises(FileNotFoundError, match=r"start is 'gone\.pt'; allowed: a checkpoint"):
        Trainer(replace(config, start="gone.pt"), 4, 5, ALONE)
