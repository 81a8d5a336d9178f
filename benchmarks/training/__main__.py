"""What a training step of PGFL-KD costs beside the Baseline's, and what pose would cost online.

    python -m benchmarks.training [--rounds N] [--data MARKET_ROOT --pose-cache DIR] [--json FILE …]

Everything runs on one thread and is counted in CPU seconds, which other processes on the machine disturb least; ratios
are medians over rounds in which all are measured one after another. With --data, real batches of `compact` with one
trunk are trained on as well: the share of time that the step waited for data, and its crops/s beside the bare
backbone's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from rich.progress import track

from benchmarks.machine import machine
from benchmarks.training.pipeline import measure_pipeline
from benchmarks.training.report import markdown, plot
from benchmarks.training.steps import batch_of, config_of, paired, ratio, works
from training.pose.hrnet import HRNetPose
from training.pose.movenet import load_movenet

# backbone, height, width, identities × 4 crops, whether the teachers have a last stage of their own
SETTINGS = (
    ("tf_efficientnet_lite0", 128, 64, 16, False),
    ("tf_efficientnet_lite0", 256, 128, 8, False),
    ("resnet50", 384, 128, 2, False),
    ("tf_efficientnet_lite0", 256, 128, 8, True),
)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    result: dict[str, object] = {"machine": machine(), "rounds": options.rounds}
    result["steps"] = [measure_steps(*setting, options.rounds) for setting in track(SETTINGS, "training steps")]
    result["online_pose"] = measure_pose(*SETTINGS[1][:4], max(options.rounds // 3, 1))
    if options.data:
        result["pipeline"] = measure_pipeline(options.data, options.pose_cache, options.steps)
    print(markdown(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.table:
        options.table.write_text(markdown(result), encoding="utf-8")
    if options.plot:
        plot(result, options.plot)
    return 0


def measure_steps(
    backbone: str, height: int, width: int, identities: int, apart: bool, rounds: int
) -> dict[str, object]:
    """Medians and ratios for one backbone and size."""
    config = config_of(backbone, height, width, identities, apart=apart)
    seconds = paired(works(config), rounds)
    return {
        "backbone": backbone,
        "size": [height, width],
        "batch": config.batch_size,
        "teachers": "apart" if apart else "on one trunk",
        "seconds": {name: [round(value, 4) for value in values] for name, values in seconds.items()},
        "pgflkd_to_baseline": round(ratio(seconds, "pgflkd", "baseline"), 4),
        "bare_to_pgflkd": round(ratio(seconds, "bare", "pgflkd"), 4),
    }


def measure_pose(backbone: str, height: int, width: int, identities: int, rounds: int) -> dict[str, object]:
    """A step whose key points are estimated in it, as a ratio to the Baseline's step. HRNet-W48 has random weights."""
    config = config_of(backbone, height, width, identities)
    images = batch_of(config).images.mul(64).add(128).clamp(0, 255).to(torch.uint8)
    hrnet, movenet = HRNetPose(48).eval(), load_movenet()
    extra = {"hrnet-w48": lambda: hrnet(images), "movenet": lambda: movenet(images)}
    seconds = paired(works(config) | extra, rounds)
    with_pose = {
        name: [pose + step for pose, step in zip(seconds[name], seconds["pgflkd"], strict=True)] for name in extra
    }
    return {
        "backbone": backbone,
        "size": [height, width],
        "batch": config.batch_size,
        "cached": round(ratio(seconds, "pgflkd", "baseline"), 4),
        **{name: round(ratio(seconds | with_pose, name, "baseline"), 4) for name in extra},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=7, help="of paired steps (default 7)")
    parser.add_argument("--steps", type=int, default=8, help="on real batches, with --data (default 8)")
    parser.add_argument("--data", type=Path, metavar="MARKET_ROOT", help="Market-1501's folder")
    parser.add_argument("--pose-cache", type=Path, metavar="DIR", help="its heat maps, from `pose-cache`")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the tables here, as Markdown")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios here, as PNG")
    return parser


if __name__ == "__main__":
    sys.exit(main())
