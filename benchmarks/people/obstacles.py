"""Fig. 4 as a number: how strongly a model responds to an object that hides somebody, without pose, as deployed.

    python -m benchmarks.people.obstacles HIDDEN SOURCE RUN/last.pt … --json FILE

HIDDEN: as `python -m training make-occluded` writes it; SOURCE: the folder it was made from. Where the two crops of a
query differ, there is the object. A response is the length of F's channel vector, each crop's from 0, its least, to 1,
its greatest, as `python -m training visualize responses` draws it.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from benchmarks.machine import machine
from training.data.crops import read_crop
from training.data.datasets import MANIFEST
from training.data.records import Record
from training.evaluation.checkpoint_model import CheckpointModel
from training.evaluation.pictures.responses import feature_maps, responses, scaled

Map = NDArray[np.float32]
Pair = tuple[Record, Record]
_BATCH = 64


def pairs(hidden: Path, source: Path) -> list[Pair]:
    """Each hidden query, and the crop it was made from."""
    with (hidden / MANIFEST).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "query" and row["altered"] == "yes"]
    return [(Record(hidden / row["path"], 1, 1), Record(source / row["source"], 1, 1)) for row in rows]


@cache  # for each checkpoint the same
def object_share(pair: Pair, size: tuple[int, int]) -> Map:
    """(h, w), how much of each cell of a feature map the object covers."""
    with_object, without = (np.asarray(read_crop(record.path)) for record in pair)
    covered = (with_object != without).any(axis=2).astype(np.float32)
    return np.asarray(Image.fromarray(covered).resize(size[::-1], Image.Resampling.BOX))


def measure(model: CheckpointModel, chosen: Sequence[Pair]) -> dict[str, float]:
    """Mean responses: on the object, beside it, and at the object's place on the crop without one."""
    on: list[float] = []
    beside: list[float] = []
    before: list[float] = []
    for begin in track(range(0, len(chosen), _BATCH), "crops"):
        part = chosen[begin : begin + _BATCH]
        hidden, whole = (scaled(responses(feature_maps(model, records)).numpy()) for records in zip(*part, strict=True))
        for pair, with_object, without in zip(part, hidden, whole, strict=True):
            share = object_share(pair, with_object.shape)
            if 0 < share.mean() < 1:
                on.append(float(np.average(with_object, weights=share)))
                beside.append(float(np.average(with_object, weights=1 - share)))
                before.append(float(np.average(without, weights=share)))
    figures = {"on_the_object": on, "beside_it": beside, "there_without_it": before}
    return {name: round(statistics.fmean(values), 4) for name, values in figures.items()} | {"crops": len(on)}


def main() -> int:
    parser = argparse.ArgumentParser(description="How strongly models respond to what hides a person.")
    parser.add_argument("hidden", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    chosen, runs = pairs(options.hidden, options.source), {}
    for checkpoint in options.checkpoints:
        name = "/".join(checkpoint.parts[-3:-1])  # scheme and seed
        runs[name] = measure(CheckpointModel(checkpoint), chosen)
        print(name, runs[name])
    body = {"machine": machine(), "runs": runs}
    options.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
