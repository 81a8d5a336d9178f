"""What the branches know that are told the true key points of drawn people at test, beside the pupil, which is not.

    python -m benchmarks.people.true_teachers DRAWN RUN/last.pt --json FILE

If f_E and f_V find no more than f_G where pose is never wrong, there is nothing that distillation could hand on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn

from benchmarks.machine import machine
from benchmarks.people.true_pose import heatmaps, map_size
from training.data.datasets import load_dataset
from training.data.synthetic import read_manifest
from training.evaluation.checkpoint_model import CheckpointModel
from training.evaluation.evaluation import embed_dataset, evaluate
from training.model.pgflkd import Feature


class TruePose(nn.Module):
    """An estimator that is never wrong: it gives the heat maps of the crops to come, in their order."""

    def __init__(self, maps: Iterator[Tensor]) -> None:
        super().__init__()
        self._maps = maps

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 17, h, w)."""
        return torch.stack([next(self._maps) for _ in pixels]).float()


def main() -> int:
    parser = argparse.ArgumentParser(description="The features of a run on drawn people, with true key points at test.")
    parser.add_argument("drawn", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    rows = {row["path"]: row for row in read_manifest(options.drawn)}
    dataset = load_dataset("synthetic", options.drawn)
    size, figures = map_size(dataset.query[0]), {}
    for feature in get_args(Feature):
        crops = (record.path for records in (dataset.query, dataset.gallery) for record in records)
        told = TruePose(heatmaps(rows[str(path.relative_to(options.drawn))], size) for path in crops)
        model = CheckpointModel(options.checkpoint, feature=feature, pose=told)
        metrics = asdict(evaluate(*embed_dataset(model, dataset)).results.metrics())
        figures[feature] = {name: round(metrics[name], 2) for name in ("rank1", "mAP")}
        print(f"f_{feature.upper()}: Rank-1 {metrics['rank1']:.1f}, mAP {metrics['mAP']:.1f}")
    body = {"machine": machine(), "dataset": dataset.name, "queries": len(dataset.query), "features": figures}
    options.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
