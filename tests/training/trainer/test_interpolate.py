"""Weights between two runs: the ends are the runs, other networks and other persons are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.__main__ import main
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainConfig
from training.interpolation import between
from training.model.pgflkd import PGFLKD

CROPS = {"training crops": "a", "training labels": "b"}


def checkpoint(config: TrainConfig, seed: int, *, average: bool = False) -> Checkpoint:
    torch.manual_seed(seed)
    model = PGFLKD(config.model, classes=3)
    model.main.backbone.bn1.num_batches_tracked += seed
    weights = model.state_dict()
    averaged = {name: value * 2 for name, value in weights.items()} if average else None
    return Checkpoint(config, 3, epoch=seed, step=10 * seed, weights=weights, average=averaged, inputs=dict(CROPS))


@pytest.mark.parametrize(("share", "expected"), [(0.0, (1, 0)), (1.0, (0, 1)), (0.25, (0.75, 0.25))])
def test_a_mixture_is_linear(config: TrainConfig, share: float, expected: tuple[float, float]) -> None:
    first, second = checkpoint(config, 1, average=True), checkpoint(config, 2)
    mixture = between(first, second, share)
    for name, value in mixture.learned.items():
        if value.is_floating_point():
            wanted = expected[0] * first.learned[name] + expected[1] * second.learned[name]
            torch.testing.assert_close(value, wanted, msg=name)
        else:
            assert value == second.learned[name]
    assert (mixture.epoch, mixture.average, mixture.optimiser) == (2, None, {})
    mixture.build_model()


def test_other_networks_persons_and_shares_are_refused(config: TrainConfig) -> None:
    first, second = checkpoint(config, 1), checkpoint(config, 2)
    with pytest.raises(ValueError, match=r"share is 1\.5; allowed: 0 to 1"):
        between(first, second, 1.5)
    with pytest.raises(ValueError, match="tell different persons apart"):
        between(first, replace(second, inputs=CROPS | {"training labels": "c"}), 0.5)
    other = checkpoint(replace(config, model=replace(config.model, sab=False)), 2)
    with pytest.raises(ValueError, match="of different networks"):
        between(first, other, 0.5)


def test_the_command_writes_a_checkpoint_and_overwrites_none(
    config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / name) for name in ("first.pt", "second.pt", "out.pt")]
    for seed, file in enumerate(files[:2], 1):
        save_checkpoint(Path(file), checkpoint(config, seed))
    assert main(["interpolate", *files, "--share", "0.3"]) == 0
    assert "0.7 of" in capsys.readouterr().out
    assert load_checkpoint(Path(files[2])).step == 20
    assert main(["interpolate", *files]) == 1
    assert "is there already" in capsys.readouterr().err
