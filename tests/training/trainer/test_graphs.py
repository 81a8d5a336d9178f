"""On a GPU a step replays its passes: the same losses, weights and statistics as without. What is not CUDA's is tested
everywhere, with a stand-in for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from training.batches import Batch
from training.config import TrainConfig
from training.distributed import Processes
from training.graphs import GraphedFeatureMaps
from training.model.pgflkd import PGFLKD
from training.trainer import Trainer

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
SIZE = (64, 32)
CPU = torch.device("cpu")


def batches(steps: int, *, two_views: bool = False) -> list[Batch]:
    random = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 0, 0, 1, 1, 1]).cuda()
    return [
        Batch(
            torch.randn(6, 3, *SIZE, generator=random).cuda().contiguous(memory_format=torch.channels_last),
            torch.rand(6, 17, 16, 8, generator=random).cuda(),
            labels,
            unhidden=torch.randn(6, 3, *SIZE, generator=random).cuda() if two_views else None,
        )
        for _ in range(steps)
    ]


def trained(config: TrainConfig, *, graphs: bool) -> tuple[Trainer, list[float]]:
    trainer = Trainer(config, classes=2, steps_per_epoch=8, processes=Processes(0, 1, torch.device("cuda")))
    if graphs:
        trainer.prepare()
    return trainer, [trainer.step(batch).losses["total"] for batch in batches(4, two_views=config.two_views)]


@on_gpu
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("teachers_see", ["the-crop", "unhidden"])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_replayed_steps_are_the_plain_ones(
    config: TrainConfig, separate: bool, teachers_see: Literal["the-crop", "unhidden"], ema: float
) -> None:
    model = replace(config.model, separate_part_stage=separate)
    config = replace(config, model=model, ema=ema, precision="fp32", teachers_see=teachers_see)
    config = replace(config, height=SIZE[0], width=SIZE[1], growth=(), identities=2, images=3)
    (plain, expected), (replayed, losses) = trained(config, graphs=False), trained(config, graphs=True)
    assert losses == pytest.approx(expected, rel=1e-2)
    other = plain.evaluated.state_dict()
    for name, value in replayed.evaluated.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert value == other[name], name
        else:
            torch.testing.assert_close(value, other[name], rtol=0.05, atol=5e-3, msg=name)


@on_gpu
def test_another_size_and_evaluation_run_as_ever(config: TrainConfig) -> None:
    config = replace(config, height=SIZE[0], width=SIZE[1], growth=(), identities=2, images=3)
    trainer, _ = trained(config, graphs=True)
    trainer.step(batches(1)[0]._replace(images=torch.randn(6, 3, 96, 48).cuda()))
    with torch.no_grad():
        assert trainer.model.eval().embed(torch.randn(5, 3, *SIZE).cuda()).shape == (5, trainer.model.main.width)


class Capturing:
    """Stands in for CUDA: trial runs, as a capture does them, then the module itself, which counts its replays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
        self.replayed = 0
        self.fails = fails
        monkeypatch.setattr(torch.cuda, "make_graphed_callables", self.capture)

    def capture(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> nn.Module:
        module(*inputs)
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")

        def count(*_: object) -> None:
            self.replayed += 1

        module.register_forward_pre_hook(count)
        return module


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("separate", [False, True])
def test_captured_sizes_are_replayed_in_training_only(
    config: TrainConfig, separate: bool, views: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PGFLKD(replace(config.model, separate_part_stage=separate), classes=2).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    capturing, graphs, images = Capturing(monkeypatch), GraphedFeatureMaps(model, views), torch.randn(6, 3, *SIZE)
    graphs.capture(images.shape, CPU)
    graphs.capture(images.shape, CPU)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    first, second = graphs(images, views)
    assert capturing.replayed == 1
    assert (second is first) is not separate
    assert (len(first), len(second)) == (6, 6 // views if separate else 6)
    graphs(torch.randn(6, 3, 96, 48), views)
    graphs(images, 3 - views)
    with torch.no_grad():
        graphs(images, views)
    model.eval()
    graphs(images, views)
    assert capturing.replayed == 1


def test_a_network_that_cannot_be_captured_trains_all_the_same(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PGFLKD(config.model, classes=2).train()
    Capturing(monkeypatch, fails=True)
    graphs, images = GraphedFeatureMaps(model), torch.randn(6, 3, *SIZE)
    with pytest.warns(UserWarning, match="no CUDA graph of the network, so it is slower: operation not permitted"):
        graphs.capture(images.shape, CPU)
    graphs.capture(images.shape, CPU)
    assert model.main.backbone.bn1.num_batches_tracked == 0
    assert graphs(images)[0].requires_grad
