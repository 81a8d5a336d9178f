"""What precision buys: size, agreement and speed of one network in fp32, fp16 and int8, in one run.

    python -m benchmarks.export [--rounds N] [--json FILE] [--plot FILE]

ResNet-50 at 384×128 has random weights, which size and speed do not see; EfficientNet-Lite0 at 256×128 has ImageNet's.
Calibrated and verified on drawn people. Files take turns in every round; what is reported is the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from rich.progress import track

from benchmarks.export.report import markdown, plot
from benchmarks.machine import machine
from benchmarks.stopwatch import seconds
from export.command import export_model
from export.cpu import has_vnni
from export.report import Report
from export.request import Request
from export.session import Session
from reid_contract import Precision
from training.data.synthetic import draw_dataset

HERE = Path(__file__).parent
BATCH = 8
_MATRIX = 1536


@dataclass(frozen=True)
class Network:
    """One network to export. weights: as `--weights`."""

    title: str
    name: str
    weights: str
    size: tuple[int, int]


NETWORKS = (
    Network("ResNet-50, 384×128", "resnet50", "none", (384, 128)),
    Network("EfficientNet-Lite0, 256×128", "tf_efficientnet_lite0", "imagenet", (256, 128)),
)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        crops = Path(folder) / "crops"
        draw_dataset(crops, people=20, cameras=4, sightings_per_person=6)
        networks = [measure(network, crops, Path(folder), options.rounds, threads) for network in NETWORKS]
    result = {
        "machine": machine(),
        "vnni": has_vnni(),
        "command": f"python -m benchmarks.export --rounds {options.rounds}",
        "threads": threads,
        "batch": BATCH,
        "rounds": options.rounds,
        "networks": networks,
    }
    options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    plot(result, options.plot)
    print(markdown(result))
    return 0


def measure(network: Network, crops: Path, folder: Path, rounds: int, threads: int) -> dict[str, object]:
    """Exports one network in every precision and times the files side by side."""
    reports: dict[Precision, Report] = {}
    sessions: dict[Precision, Session] = {}
    for precision in track(get_args(Precision), f"exporting {network.title}"):
        out = folder / f"{network.name}-{precision}.onnx"
        reports[precision] = export_model(
            Request(
                f"timm:{network.name}",
                out,
                precision=precision,
                calibration=crops,
                size=network.size,
                weights=network.weights,
                reduce_range=not has_vnni(),
            )
        )
        sessions[precision] = Session(out, threads=threads)
    samples, peak = _race(sessions, network.size, rounds)
    fp32 = statistics.median(samples["fp32"])
    flops = 2 * reports["fp32"].multiply_accumulates / fp32
    return {
        "network": network.title,
        "parameters": reports["fp32"].parameters,
        "multiply_accumulates": reports["fp32"].multiply_accumulates,
        "fp32_share_of_matrix_product_peak": flops / peak,
        "files": [_row(reports[p], statistics.median(samples[p]), fp32) for p in reports],
    }


def _race(
    sessions: dict[Precision, Session], size: tuple[int, int], rounds: int
) -> tuple[dict[Precision, list[float]], float]:
    """(seconds a crop of each file in each round, floating-point operations a second of this CPU's matrix product)."""
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, *size, 3), dtype=np.uint8)
    matrix = torch.randn(_MATRIX, _MATRIX)
    for session in sessions.values():
        session.run(pixels)
    samples: dict[Precision, list[float]] = {precision: [] for precision in sessions}
    peaks = []
    for _ in track(range(rounds), "timing"):
        for precision, session in sessions.items():
            samples[precision].append(seconds(lambda session=session: session.run(pixels)) / BATCH)
        peaks.append(2 * _MATRIX**3 / seconds(lambda: matrix @ matrix))
    return samples, statistics.median(peaks)


def _row(report: Report, a_crop: float, fp32: float) -> dict[str, object]:
    return {
        "precision": report.provenance.precision,
        "bytes": report.size,
        "milliseconds_a_crop": 1000 * a_crop,
        "times_fp32_throughput": fp32 / a_crop,
        "worst_cosine": min(p.worst for p in report.parity),
        "kept_in_fp32": report.attempts[-1].what if report.attempts else "",
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="of timing (default 15)")
    parser.add_argument("--json", type=Path, default=HERE / "result.json", metavar="FILE", help="where figures go")
    parser.add_argument("--plot", type=Path, default=HERE / "result.png", metavar="FILE", help="where the plot goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
