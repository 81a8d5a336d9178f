"""Several processes as one: `torchrun --nproc-per-node N -m training fit …`.

Every process has its share of the identities of each P×K batch. For the update to be that of the whole batch, three
things cross process borders: gradients (torch's DistributedDataParallel averages them), the features among which
triplets are mined (`gather`), and the statistics of batch normalisation (`model/global_batch_norm.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from training.devices import usable_device


@dataclass(frozen=True, slots=True)
class Processes:
    """One process among its peers. rank: 0 to world_size-1; rank 0 writes files and talks."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0


@contextmanager
def processes(device: str | None = None) -> Iterator[Processes]:
    """Joins the peers that torchrun started; alone without torchrun. device: such as cpu; a GPU where there is one.

    NCCL between GPUs, gloo between CPUs. Raises ValueError for a device that cannot be used here.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    chosen = usable_device(device or (f"cuda:{local_rank}" if torch.cuda.is_available() else "cpu"))
    if "RANK" not in os.environ:
        yield Processes(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    # While the first process evaluates or makes a pose cache, the others wait; by default they give up in minutes.
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(days=1))
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), chosen)
    finally:
        dist.destroy_process_group()


def gather(rows: Tensor) -> Tensor:
    """(n, …) of each process, as many in all, to (world_size · n, …) of all, in order of rank; gradients flow back."""
    if not dist.is_initialized():
        return rows
    return _Gather.apply(rows)  # type: ignore[no-any-return]


def total(values: Tensor) -> Tensor:
    """The sum over all processes; gradients flow back."""
    if not dist.is_initialized():
        return values
    return _Sum.apply(values)  # type: ignore[no-any-return]


def averaged(values: Tensor) -> Tensor:
    """The mean over all processes, as DistributedDataParallel takes it of gradients; none flow back."""
    if dist.is_initialized():
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return values


def any_of_us(asked: bool, device: torch.device) -> bool:
    """Whether any process says so; all get the same answer, and must ask at the same time."""
    if not dist.is_initialized():
        return asked
    return bool(total(torch.tensor(float(asked), device=device)) > 0)


def wait_for_all() -> None:
    """Returns when every process has come here."""
    if dist.is_initialized():
        dist.barrier()


class _Gather(torch.autograd.Function):
    """Every process computes its loss on all rows, so a row's gradient is the sum of what each found for it."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        everyone = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, rows.contiguous())
        ctx.start, ctx.count = dist.get_rank() * len(rows), len(rows)
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous()
        dist.all_reduce(summed)
        return summed[ctx.start : ctx.start + ctx.count]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.clone()
        dist.all_reduce(summed)
        return summed
