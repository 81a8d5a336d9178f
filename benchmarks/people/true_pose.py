"""A pose cache of drawn people from their true key points: what pose-guided training gains where pose is never wrong.

    python -m benchmarks.people.true_pose DRAWN POSE_CACHE

DRAWN: as `python -m training.data.synthetic` writes it. Heat maps are a quarter of the crops' size, as an estimator's
are; a key point that is seen is a Gaussian, one that is hidden or outside is nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.data.crops import read_crop
from training.data.datasets import load_dataset
from training.data.records import Record
from training.data.synthetic import read_manifest
from training.pose.cache import PoseCache

STRIDE = 4
SIGMA = 1 / 48  # of a heat map's height; about what HRNet is taught: 2 of 96 rows
SEEN = 2  # COCO's visibility


def main() -> int:
    parser = argparse.ArgumentParser(description="A pose cache of drawn people from their true key points.")
    parser.add_argument("drawn", type=Path)
    parser.add_argument("pose_cache", type=Path)
    options = parser.parse_args()
    rows = {row["path"]: row for row in read_manifest(options.drawn)}
    records = load_dataset("synthetic", options.drawn).train
    size = map_size(records[0])
    cache = PoseCache.create(options.pose_cache, records, "true key points", size)
    cache.append(torch.stack([heatmaps(rows[f"train/{record.path.name}"], size) for record in records]))
    cache.save()
    print(f"{len(records):,} crops in {options.pose_cache}")
    return 0


def map_size(record: Record) -> tuple[int, int]:
    """Height and width of a crop's heat maps; all drawn crops are of one size."""
    width, height = read_crop(record.path).size
    return height // STRIDE, width // STRIDE


def heatmaps(row: dict[str, Any], size: tuple[int, int]) -> Tensor:
    """(17, h, w) in [0, 1] of one line of the manifest."""
    y, x = np.mgrid[: size[0], : size[1]]
    points = np.array(row["keypoints"]) / STRIDE - 0.5  # a crop's corner is (0, 0), the middle of a map's first cell is
    distance = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    seen = np.array(row["visibility"]) == SEEN
    return torch.from_numpy(np.exp(-distance / (2 * (SIGMA * size[0]) ** 2)) * seen[:, None, None])


if __name__ == "__main__":
    sys.exit(main())
