"""How hard each loss term of Eq. 10 pulls on the trunk, and how sharp the attention over body parts is.

    python -m benchmarks.training.pulls --data MARKET_ROOT --pose-cache DIR [--checkpoint last.pt] [--output FILE]

Gradient norms over all of the trunk's weights, means over a few batches of `compact` with one trunk at 128×64, for the
losses as printed and on normalised features: from ImageNet weights, and from those of a checkpoint. A part's attention
H_k covers 1 / Σ H_k² cells: all of them where it is flat, one where it is sharp; medians over crops.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.training.one_trunk import ONE_TRUNK
from benchmarks.training.steps import ALONE
from training.batches import Batch
from training.checkpoint import load_checkpoint
from training.config import LossConfig
from training.data.datasets import load_dataset
from training.fit import load_batches
from training.gradient_norms import gradient_norms
from training.model.body_parts import part_attention
from training.pose.groups import GROUPS
from training.trainer import Trainer

BATCHES = 3
CROPS = 400
LOSSES = {"as printed": LossConfig(), "normalised": LossConfig(triplet_on="normalised", consistent_on="normalised")}
GRIDS = ((8, 4), (16, 8))
SCALES = (5, 10, 20, 40)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    config = replace(ONE_TRUNK, height=128, width=64, growth=(), identities=8)
    batches = load_batches(config, load_dataset("market1501", options.data), options.pose_cache, ALONE)
    drawn = list(itertools.islice(batches.epoch(0), BATCHES))
    trainer = Trainer(config, len(batches.crops.classes), len(batches), ALONE)
    result: dict[str, object] = {"machine": machine(), "imagenet": measure(trainer, drawn)}
    if options.checkpoint:
        checkpoint = load_checkpoint(options.checkpoint)
        trainer.model.load_state_dict(checkpoint.weights)
        result["checkpoint"] = {"steps": checkpoint.step, **measure(trainer, drawn)}
    assert batches.pose is not None
    every = max(len(batches.crops) // CROPS, 1)
    result["cells_covered"] = cells_covered(batches.pose.read(range(0, len(batches.crops), every)))
    text = json.dumps(result, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    return 0


def measure(trainer: Trainer, batches: Sequence[Batch]) -> dict[str, object]:
    """Gradient norms by loss and term, and the mean length of each feature."""
    pulls: dict[str, dict[str, float]] = {}
    for name, loss in LOSSES.items():
        trainer.loss.config = loss
        sums: defaultdict[str, float] = defaultdict(float)
        for batch in batches:
            for term, pull in gradient_norms(trainer.losses(batch), trainer.model.main.parameters()).items():
                sums[term] += pull / len(batches)
        pulls[name] = {term: round(value, 3) for term, value in sums.items()}
    return {"gradient_norms": pulls, "feature_lengths": feature_lengths(trainer, batches[0])}


@torch.no_grad()
def feature_lengths(trainer: Trainer, batch: Batch) -> dict[str, float]:
    """Of f_G, f_E and f_V before their necks."""
    output = trainer.model.train()(batch.images, batch.heatmaps)
    features = {"f_G": output.main, "f_E": output.enhanced, "f_V": output.fused}
    return {name: round(f.feature.norm(dim=1).mean().item(), 2) for name, f in features.items() if f is not None}


def cells_covered(heatmaps: torch.Tensor) -> list[dict[str, object]]:
    """For each grid and scale, by part."""
    rows: list[dict[str, object]] = []
    for grid, scale in itertools.product(GRIDS, SCALES):
        attention = part_attention(heatmaps, grid, merge="sum", scale=scale).flatten(2)
        covered = (1 / attention.square().sum(dim=2)).median(dim=0).values.tolist()
        by_part = {part: round(value, 1) for part, value in zip(GROUPS, covered, strict=True)}
        rows.append({"grid": list(grid), "cells": grid[0] * grid[1], "heatmap_scale": scale, "covered": by_part})
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training.pulls",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="MARKET_ROOT", help="Market-1501's folder")
    parser.add_argument("--pose-cache", type=Path, required=True, metavar="DIR", help="its heat maps")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="of PGFL-KD trained on Market-1501, to measure too"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result here, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
