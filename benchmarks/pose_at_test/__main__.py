"""What pose at test costs (Table 9 of the paper), asked with one runtime, one machine, one gallery size.

    python -m benchmarks.pose_at_test [--quick] [--json FILE] [--plot FILE] [--growth-plot FILE]
    taskset -c 0 python -m benchmarks.pose_at_test

It uses every core it may, and a GPU where onnxruntime finds one (matching stays on the CPU). Figures of a GPU and of
one core alone are kept apart.

One query goes from JPEG to the ten best of 17,661 gallery crops (Occluded-Duke's size), method after method, in rounds:
what is reported is the median over the rounds. ResNet-50 and the rivals have random weights, which speed does not see.
Our search is gallery_index's, which the service uses; rivals need all features of all crops, so theirs is a scan.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from benchmarks.machine import machine
from benchmarks.pose_at_test.crops import drawn_jpegs
from benchmarks.pose_at_test.growth import SIZES, matching_growth
from benchmarks.pose_at_test.methods import Methods
from benchmarks.pose_at_test.onnx_files import kind, providers
from benchmarks.pose_at_test.report import markdown, plot_growth, plot_latency
from benchmarks.pose_at_test.rounds import GALLERY, measure, row
from service.cpus import usable_cpus

HERE = Path(__file__).parent
CROPS = 32


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    threads = usable_cpus()
    ending, bound = kind(threads), "taskset -c 0 " if threads == 1 else ""
    torch.set_num_threads(threads)
    rounds = 3 if options.quick else 13
    jpegs = drawn_jpegs(CROPS)
    with Methods(options.cache, options.entries, threads, jpegs) as methods:
        pipelines = list(methods.all(slow=not options.quick))
        samples = measure(pipelines, jpegs, rounds)
    result = {
        "machine": machine(),
        "command": f"{bound}python -m benchmarks.pose_at_test" + (" --quick" if options.quick else ""),
        "threads": threads,
        "device": providers()[0],
        "gallery": options.entries,
        "rounds": rounds,
        "methods": [row(*of) for of in zip(pipelines, samples, strict=True)],
        "matching_seconds_by_gallery": matching_growth(*((SIZES[:2], 0.2) if options.quick else (SIZES, 2.0))),
    }
    home = options.cache if options.quick else HERE  # a quick run leaves the figures of a full one alone
    (options.json or home / f"result{ending}.json").write_text(
        json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    plot_latency(result, options.plot or home / f"latency{ending}.png")
    plot_growth(result, options.growth_plot or home / f"growth{ending}.png")
    print(markdown(result))
    if "CUDAExecutionProvider" not in providers():
        print("Skipped: the same on an NVIDIA GPU: onnxruntime finds none.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pose_at_test",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="3 rounds in place of 13, without DSR and SFR but for how they grow"
    )
    parser.add_argument("--entries", type=int, default=GALLERY, help=f"gallery crops (default {GALLERY})")
    where = "(default beside this benchmark; with --quick in the cache)"
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"write the figures here {where}")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw latency against GMACs here")
    parser.add_argument("--growth-plot", type=Path, metavar="FILE", help="draw matching by gallery here")
    parser.add_argument("--cache", type=Path, default=Path(".cache/pose_at_test"), help="graphs are kept here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
