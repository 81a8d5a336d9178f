"""A model in training: one step of it, and everything a checkpoint holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training.average import follow, start_average
from training.batches import Batch
from training.checkpoint import Checkpoint, build_network
from training.config import TrainConfig
from training.distributed import Processes, gather
from training.gradient_norms import gradient_norms
from training.graphs import GraphedFeatureMaps
from training.losses.overall import LossParts, OverallLoss
from training.model.global_batch_norm import use_global_batch_norm
from training.model.pgflkd import PGFLKD
from training.optimiser import create_optimiser, set_learning_rate
from training.schedule import branch_warmup, learning_rate
from training.start import start_from
from training.version import code_version


class Step(NamedTuple):
    """losses: "total" and each term before its weight. pulls: gradient norms on the trunk, where they are measured."""

    losses: dict[str, float]
    pulls: dict[str, float]


class NonFiniteLoss(ValueError):
    """A loss term became NaN or infinite; the message names it. The weights are those before the step."""


class Trainer:
    """Model, loss and optimiser of one run.

    classes: identities in the training set. steps_per_epoch: of the sampler. checkpoint: to go on from. inputs: for
    the checkpoints.
    """

    def __init__(
        self,
        config: TrainConfig,
        classes: int,
        steps_per_epoch: int,
        processes: Processes,
        checkpoint: Checkpoint | None = None,
        *,
        inputs: dict[str, str] | None = None,
    ) -> None:
        self.config = config
        self.classes = classes
        self.steps_per_epoch = steps_per_epoch
        self.processes = processes
        self.inputs = inputs or {}
        torch.manual_seed(config.seed)  # initial weights; batches and augmentation have generators of their own
        begun = checkpoint is not None or bool(config.start)
        model = build_network(config.model, classes) if begun else PGFLKD(config.model, classes)
        if config.start and checkpoint is None:
            start_from(model, Path(config.start), inputs or {})
        self.model = model.to(processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if processes.world_size > 1:
            use_global_batch_norm(self.model)
        self.average = start_average(self.model) if config.ema else None
        self.network: nn.Module = self.model
        if processes.world_size > 1:
            self.network = DistributedDataParallel(self.model, forward_sync_buffers=False)
        self.graphs = self._graphs()
        self.loss = OverallLoss(config.loss, gather)
        self.optimiser = create_optimiser(self.model, config)
        self.taken = 0
        if checkpoint is not None:
            self._restore(checkpoint)

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.taken // self.steps_per_epoch

    @property
    def step_in_epoch(self) -> int:
        """Steps taken in the epoch that is not complete."""
        return self.taken % self.steps_per_epoch

    @property
    def evaluated(self) -> PGFLKD:
        """The weights that are evaluated and exported: the average, where the run keeps one."""
        return self.model if self.average is None else self.average  # type: ignore[return-value]

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return learning_rate(self.config, (self.taken + 1) / self.steps_per_epoch)

    def prepare(self) -> None:
        """Before an epoch, while nothing else uses the GPU: captures what its steps replay, where there are graphs."""
        if self.graphs is not None:
            self.network.train()
            count = self.config.batch_size * (2 if self.config.two_views else 1)
            shape = torch.Size((count, 3, *self.config.size_at(self.epoch)))
            with self._autocast():
                self.graphs.capture(shape, self.processes.device)

    def step(self, batch: Batch) -> Step:
        """Forward, backward, update. Raises NonFiniteLoss before the weights are touched."""
        parts = self.losses(batch)
        every = self.config.gradient_norms_every
        pulls = gradient_norms(parts, self.model.main.parameters()) if every and self.taken % every == 0 else {}
        self.optimiser.zero_grad(set_to_none=True)
        parts.total.backward()  # type: ignore[no-untyped-call]
        losses = self._checked(parts)
        set_learning_rate(self.optimiser, self.learning_rate)
        self.optimiser.step()
        self.taken += 1
        if self.average is not None:
            follow(self.average, self.model, self.config.ema, self.taken)
        return Step(losses, pulls)

    def losses(self, batch: Batch) -> LossParts:
        """The forward pass and Eq. 10."""
        self.network.train()
        with self._autocast():
            output = self.network(batch.images, batch.heatmaps, batch.unhidden)
        branches = branch_warmup(self.config, self.taken / self.steps_per_epoch)
        return self.loss(output, batch.labels, branches=branches)  # type: ignore[no-any-return]

    def checkpoint(self) -> Checkpoint:
        """Everything there is to go on from here."""
        return Checkpoint(
            config=self.config,
            classes=self.classes,
            epoch=self.epoch,
            step=self.taken,
            weights=self.model.state_dict(),
            average=None if self.average is None else self.average.state_dict(),
            optimiser=self.optimiser.state_dict(),
            code_version=code_version(),
            inputs=self.inputs,
        )

    def _autocast(self) -> torch.autocast:
        device = self.processes.device.type
        bf16 = self.config.precision == "bf16" or (self.config.precision == "auto" and device == "cuda")
        return torch.autocast(device, torch.bfloat16, enabled=bf16)

    def _graphs(self) -> GraphedFeatureMaps | None:
        """On one GPU. Several processes exchange gradients on the way back, which is not to be captured; and whoever
        measures the pull of single terms goes back several times."""
        if self.processes.device.type != "cuda" or self.processes.world_size > 1 or self.config.gradient_norms_every:
            return None
        graphs = GraphedFeatureMaps(self.model, 2 if self.config.two_views else 1)
        self.model.feature_maps = graphs.__call__
        return graphs

    def _restore(self, checkpoint: Checkpoint) -> None:
        if not checkpoint.optimiser:
            raise ValueError(
                "the checkpoint was made by `interpolate` and holds no optimiser; --start trains on from it"
            )
        self.model.load_state_dict(checkpoint.weights)
        if self.average is not None and checkpoint.average is not None:
            self.average.load_state_dict(checkpoint.average)
        self.optimiser.load_state_dict(checkpoint.optimiser)
        torch.set_rng_state(checkpoint.random_state)
        self.taken = checkpoint.step

    def _checked(self, parts: LossParts) -> dict[str, float]:
        """The losses as numbers, fetched from the device at once."""
        values = torch.stack([parts.total, *parts.terms.values()]).tolist()
        losses = dict(zip(("total", *parts.terms), values, strict=True))
        bad = [f"{name} is {value}" for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise NonFiniteLoss(
                f"in epoch {self.epoch + 1}, step {self.step_in_epoch + 1}, of the loss {', '.join(bad[1:] or bad)}; "
                f"a lower --learning_rate (now {self.learning_rate:.2g}) or a longer --warmup_epochs may help"
            )
        return losses
