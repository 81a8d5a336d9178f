"""Two gloo processes give the gradients that one gives for the same batch, batch normalisation included."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from training.batches import Batch
from training.config import LossConfig, ModelConfig, TrainConfig
from training.distributed import any_of_us, gather, processes
from training.gradient_norms import gradient_norms
from training.model.global_batch_norm import GlobalBatchNorm, use_global_batch_norm
from training.model.pgflkd import PGFLKD
from training.trainer import Trainer

CONFIG = TrainConfig(
    model=ModelConfig(backbone="test_resnet", weights="none"),
    loss=LossConfig(consistent_on="normalised", margin=5.0),
    height=64,
    width=32,
    identities=4,
    images=2,
)


def whole_batch() -> Batch:
    random = torch.Generator().manual_seed(1)
    images, maps = torch.randn(8, 3, 64, 32, generator=random), torch.rand(8, 17, 16, 8, generator=random)
    return Batch(images, maps, torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]))


def gradients_of(batch: Batch) -> dict[str, torch.Tensor]:
    """By a trainer in this process, in double precision so that only a wrong term can make a difference."""
    with processes("cpu") as peers:
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float64)
        trainer = Trainer(CONFIG, classes=4, steps_per_epoch=10, processes=peers)
        torch.set_default_dtype(torch.float32)
        share = len(batch.labels) // peers.world_size
        mine = slice(peers.rank * share, (peers.rank + 1) * share)
        assert batch.heatmaps is not None
        parts = trainer.losses(Batch(batch.images[mine].double(), batch.heatmaps[mine], batch.labels[mine]))
        pulls = gradient_norms(parts, trainer.model.main.parameters())
        parts.total.backward()
        assert any_of_us(peers.rank == 1, peers.device) == (peers.world_size == 2)
        found = {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}
        buffers = {name: b for name, b in trainer.model.named_buffers() if "running" in name}
        return found | buffers | {f"pull of {name}": torch.tensor(pull) for name, pull in pulls.items()}


def work(rank: int, port: int, file: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    found = gradients_of(whole_batch())
    if rank == 0:
        torch.save(found, file)


def test_gradients_equal_those_of_one_process(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.start_processes(work, (port, tmp_path / "two.pt"), nprocs=2, start_method="spawn")  # type: ignore[no-untyped-call]
    two = torch.load(tmp_path / "two.pt")
    one = gradients_of(whole_batch())
    assert two.keys() == one.keys()
    assert {name for name in one if one[name].abs().sum() > 0} > {"main.backbone.conv1.0.weight", "sab.projection"}
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=1e-5, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("training", [True, False])
def test_global_batch_norm_alone_is_batch_norm(training: bool) -> None:
    torch.manual_seed(0)
    plain = PGFLKD(replace(CONFIG.model), classes=4).double().train(training)
    ours = PGFLKD(replace(CONFIG.model), classes=4).double().train(training)
    ours.load_state_dict(plain.state_dict())
    use_global_batch_norm(ours)
    assert plain.state_dict().keys() == ours.state_dict().keys()
    assert not [m for m in ours.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [m for m in ours.modules() if isinstance(m, GlobalBatchNorm)]
    batch = whole_batch()
    a, b = (model(batch.images.double(), batch.heatmaps) for model in (plain, ours))
    torch.testing.assert_close(a.fused.logits, b.fused.logits)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(value, ours.state_dict()[name])


def test_alone_nothing_is_gathered() -> None:
    rows = torch.rand(3, 2)
    assert gather(rows) is rows
