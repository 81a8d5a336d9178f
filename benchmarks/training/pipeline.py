"""Training on real crops: does the input keep the model busy?"""

from __future__ import annotations

import copy
import itertools
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.training.one_trunk import ONE_TRUNK
from benchmarks.training.steps import ALONE, CLASSES
from training.batches import Batch, Batches
from training.config import TrainConfig
from training.data.datasets import load_dataset
from training.fit import load_batches
from training.trainer import Trainer


class _Measured(NamedTuple):
    wall: float
    cpu: float
    waited: float
    bare_cpu: float


def measure_pipeline(data: Path, pose_cache: Path, steps: int) -> list[dict[str, object]]:
    """The sizes of `compact`, with one trunk, smallest first; `steps` real steps of each, bare ones between them.

    CPU seconds are those of the whole process, with the thread that prepares the batches: crops/s on one core.
    """
    config = ONE_TRUNK
    batches = load_batches(config, load_dataset("market1501", data), pose_cache, ALONE)
    sizes = {config.size_at(epoch): epoch for epoch in reversed(range(config.epochs))}
    return [_at_size(config, batches, epoch, steps) for _, epoch in sorted(sizes.items())]


def _at_size(config: TrainConfig, batches: Batches, epoch: int, steps: int) -> dict[str, object]:
    trainer = Trainer(replace(config, model=replace(config.model, weights="none")), CLASSES, len(batches), ALONE)
    backbone = copy.deepcopy(trainer.model.main.backbone).train()

    def bare(batch: Batch) -> float:
        start = time.thread_time()  # not that of the thread that prepares batches
        backbone(batch.images).mean().backward()
        return time.thread_time() - start

    measured: list[_Measured] = []
    wall, cpu = time.perf_counter(), time.process_time()
    for batch in itertools.islice(batches.epoch(epoch), steps + 1):
        trainer.step(batch)
        ended, used = time.perf_counter(), time.process_time()
        measured.append(_Measured(ended - wall, used - cpu, batch.waited, bare(batch)))
        wall, cpu = time.perf_counter(), time.process_time()
    measured = measured[1:]  # the first warms up, and waits for its batch
    return {
        "size": list(config.size_at(epoch)),
        "steps": len(measured),
        "waited_share": round(sum(m.waited for m in measured) / sum(m.wall for m in measured), 5),
        "crops_per_cpu_second": round(config.batch_size / statistics.median(m.cpu for m in measured), 2),
        "bare_crops_per_cpu_second": round(config.batch_size / statistics.median(m.bare_cpu for m in measured), 2),
        "share_of_bare": round(statistics.median(m.bare_cpu / m.cpu for m in measured), 4),
        "epoch_steps": len(batches),
    }
