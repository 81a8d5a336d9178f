"""Which mean and std the packaged EfficientNet-Lite0 was trained with: ImageNet's, or timm's 0.5 for `tf_` models.

    python -m benchmarks.export.normalisation --dataset NAME --data ROOT [--json FILE]

Under the right one, what reaches each BatchNorm has the variance that it remembers: the logarithm of their ratio is
near 0, over crops of the data set's test split.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.machine import machine
from export.crops import load, shuffled
from reid_contract import PreprocessSpec, normalise
from reid_contract.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from training.backbone import create_backbone
from training.data.datasets import load_dataset
from training.model.main_branch import MainBranch

HALF = (0.5, 0.5, 0.5)
CANDIDATES = {"ImageNet": (IMAGENET_MEAN, IMAGENET_STD), "0.5": (HALF, HALF)}
CROPS = 64


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export.normalisation")
    parser.add_argument("--dataset", required=True, metavar="NAME")
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("normalisation.json"), metavar="FILE")
    options = parser.parse_args(arguments)
    dataset = load_dataset(options.dataset, options.data)
    main_branch = MainBranch(create_backbone("tf_efficientnet_lite0")).eval()
    files = shuffled([record.path for record in dataset.query])[:CROPS]
    rows = {}
    for name, (mean, std) in CANDIDATES.items():
        spec = PreprocessSpec(256, 128, mean=mean, std=std)
        images = torch.from_numpy(normalise(load(files, spec), spec))
        rows[name] = round(variance_ratio(main_branch, images), 3)
    result = {
        "machine": machine(),
        "command": f"python -m benchmarks.export.normalisation --dataset {options.dataset}",
        "crops": len(files),
        "median_log_variance_ratio": rows,
    }
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    for name, ratio in rows.items():
        print(f"{name:>8}: log variance ratio {ratio:+.3f}")
    return 0


@torch.inference_mode()
def variance_ratio(network: nn.Module, images: Tensor) -> float:
    """Mean over all BatchNorms of the median over channels of log(variance seen / variance remembered)."""
    found: list[float] = []

    def note(module: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        seen, remembered = inputs[0].var(dim=(0, 2, 3)), module.running_var
        found.append(float(torch.log((seen + module.eps) / (remembered + module.eps)).median()))

    handles = [m.register_forward_pre_hook(note) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    network(images)
    for handle in handles:
        handle.remove()
    return float(np.mean(found))


if __name__ == "__main__":
    sys.exit(main())
