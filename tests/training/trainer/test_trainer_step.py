"""One step: every part learns, also in bf16 and with a stage of its own; a broken step changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from training.batches import Batch
from training.config import TrainConfig
from training.distributed import Processes
from training.report import duration
from training.trainer import NonFiniteLoss, Trainer

ALONE = Processes(0, 1, torch.device("cpu"))


def batch() -> Batch:
    random = torch.Generator().manual_seed(0)
    images, maps = torch.randn(6, 3, 64, 32, generator=random), torch.rand(6, 17, 16, 8, generator=random)
    return Batch(images, maps, torch.tensor([0, 0, 0, 1, 1, 1]))


def trainer_of(config: TrainConfig) -> Trainer:
    return Trainer(config, classes=2, steps_per_epoch=4, processes=ALONE)


@pytest.mark.parametrize("changes", [{}, {"separate_part_stage": True}])
@pytest.mark.parametrize("views", [1, 2])
def test_every_weight_learns(config: TrainConfig, changes: dict[str, bool], views: int) -> None:
    trainer = trainer_of(replace(config, model=replace(config.model, **changes)))
    trainer.step(batch()._replace(unhidden=batch().images.flip(2) if views == 2 else None))
    without = [name for name, p in trainer.model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without


def test_the_same_batch_again_and_again_is_learnt(config: TrainConfig) -> None:
    config = replace(config, warmup_epochs=0, loss=replace(config.loss, consistent_on="normalised"))
    trainer = trainer_of(config)
    losses = [trainer.step(batch()).losses for _ in range(12)]
    assert losses[-1]["id/G"] < 0.8 * losses[0]["id/G"]


def test_bf16_gives_float32_losses(config: TrainConfig) -> None:
    parts = trainer_of(replace(config, precision="bf16")).losses(batch())
    reference = trainer_of(replace(config, precision="fp32")).losses(batch())
    assert parts.total.dtype == torch.float32
    for name, term in parts.terms.items():
        torch.testing.assert_close(term, reference.terms[name], rtol=0.1, atol=0.05)
        assert term != reference.terms[name]


def test_the_average_is_what_is_evaluated(config: TrainConfig) -> None:
    assert trainer_of(replace(config, ema=0)).average is None
    trainer = trainer_of(config)
    trainer.step(batch())
    checkpoint = trainer.checkpoint()
    assert checkpoint.average is not None
    evaluated = checkpoint.build_model().state_dict()
    assert all(torch.equal(evaluated[name], value) for name, value in checkpoint.average.items())


def test_an_infinite_loss_leaves_the_weights_as_they_were(config: TrainConfig) -> None:
    trainer = trainer_of(config)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    broken = batch()._replace(images=batch().images * torch.inf)
    with pytest.raises(NonFiniteLoss, match=r"epoch 1, step 1, of the loss id/G is nan"):
        trainer.step(broken)
    assert all(torch.equal(before[name], value) for name, value in trainer.model.named_parameters())
    assert trainer.taken == 0


@pytest.mark.parametrize(("seconds", "text"), [(42.4, "42s"), (723, "12m 3s"), (7800, "2h 10m")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
