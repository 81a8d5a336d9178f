"""A whole epoch of `compact` with one trunk on Market-1501, and what its bare backbone would do with the same crops.

    python -m benchmarks.training.epoch --data MARKET_ROOT --pose-cache DIR [--size 256x128] [--output FILE]

Wall time on all cores, with everything a training step has: batches and their augmentation, heat maps, all branches and
losses, backward, update. Between two steps, every few of them, the bare backbone goes forward and backward on the batch
just trained on; those seconds are not the epoch's. Quiet machines only.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.progress import track

from benchmarks.machine import machine
from benchmarks.training.one_trunk import ONE_TRUNK
from benchmarks.training.steps import ALONE
from training.allocator import keep_freed_memory
from training.batches import Batch
from training.data.datasets import load_dataset
from training.fit import load_batches
from training.trainer import Trainer

WARM_UP = 2


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    height, width = (int(side) for side in options.size.split("x"))
    keep_freed_memory()
    result = {"machine": machine(), **measure(options.data, options.pose_cache, height, width, options.every)}
    text = json.dumps(result, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    return 0


def measure(data: Path, pose_cache: Path, height: int, width: int, every: int) -> dict[str, object]:
    """One epoch at one size; the bare backbone after every `every`-th step."""
    config = replace(ONE_TRUNK, height=height, width=width, growth=())
    batches = load_batches(config, load_dataset("market1501", data), pose_cache, ALONE)
    trainer = Trainer(config, len(batches.crops.classes), len(batches), ALONE)
    backbone = copy.deepcopy(trainer.model.main.backbone).train()

    def bare(batch: Batch) -> None:
        backbone.zero_grad(set_to_none=True)
        backbone(batch.images).mean().backward()

    warm_up(trainer, next(iter(batches.epoch(0))), bare)
    waited, in_between, bare_seconds = 0.0, 0.0, []
    began = time.perf_counter()
    for number, batch in enumerate(track(batches.epoch(0), total=len(batches), description=f"{height}×{width}")):
        trainer.step(batch)
        waited += batch.waited
        if number % every == 0:
            start = time.perf_counter()
            bare(batch)
            bare_seconds.append(time.perf_counter() - start)
            in_between += bare_seconds[-1]
    seconds = time.perf_counter() - began - in_between
    crops_per_second = len(batches) * config.batch_size / seconds
    bare_crops_per_second = config.batch_size / statistics.median(bare_seconds)
    return {
        "size": [height, width],
        "steps": len(batches),
        "seconds": round(seconds, 1),
        "waited_share": round(waited / seconds, 5),
        "crops_per_second": round(crops_per_second, 1),
        "bare_crops_per_second": round(bare_crops_per_second, 1),
        "share_of_bare": round(crops_per_second / bare_crops_per_second, 4),
    }


def warm_up(trainer: Trainer, batch: Batch, bare: Callable[[Batch], None]) -> None:
    """Both once or twice, so that neither pays for first memory; the epoch's first steps repeat these."""
    for _ in range(WARM_UP):
        trainer.step(batch)
        bare(batch)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.epoch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="MARKET_ROOT", help="Market-1501's folder")
    parser.add_argument(
        "--pose-cache", type=Path, required=True, metavar="DIR", help="its heat maps, from `pose-cache`"
    )
    parser.add_argument("--size", default="256x128", metavar="HEIGHTxWIDTH", help="of the input (default 256x128)")
    parser.add_argument("--every", type=int, default=8, metavar="N", help="steps between bare ones (default 8)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
