"""JPEG in to embedding out, in batches, on whatever device there is: crops a second, and what share decoding takes.

    python -m benchmarks.pose_at_test.batches [--json FILE]

Of the files that `python -m benchmarks.pose_at_test` left in its cache. In a process of its own: after that table, in
the same process, the same batches once took up to five times as long.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.machine import machine
from benchmarks.pose_at_test.crops import drawn_jpegs
from benchmarks.pose_at_test.methods import COMPACT_SIZE, SIZE
from benchmarks.pose_at_test.onnx_files import PRECISIONS, kind, providers, session
from reid_contract import PreprocessSpec, decode, preprocess
from service.cpus import usable_cpus

HERE = Path(__file__).parent
CROPS, ROUNDS = 32, 9

BATCHES = {"CPUExecutionProvider": (1, 8), "CUDAExecutionProvider": (1, 2, 4, 8, 16, 32, 64)}
_FILES = {"resnet50": SIZE, "tf_efficientnet_lite0": COMPACT_SIZE}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    threads = usable_cpus()
    result = {
        "machine": machine(),
        "command": "python -m benchmarks.pose_at_test.batches",
        "threads": threads,
        **measure_batches(options.cache, drawn_jpegs(CROPS), threads, ROUNDS),
    }
    (options.json or HERE / f"batches{kind(threads)}.json").write_text(
        json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


def measure_batches(folder: Path, jpegs: Sequence[bytes], threads: int, rounds: int) -> dict[str, object]:
    """On the GPU where there is one, else the CPU. folder: has NETWORK-PRECISION.onnx."""
    device = providers()[0]
    rows = [
        {"network": name, "precision": precision, "batch": batch}
        | _one(folder / f"{name}-{precision}.onnx", size, jpegs, batch, threads, rounds)
        for name, size in track(_FILES.items(), "batches")
        for precision in PRECISIONS
        for batch in BATCHES[device]
    ]
    skipped = [] if device.startswith("CUDA") else ["batches of 1 to 64 on an NVIDIA GPU: onnxruntime finds none"]
    return {"device": device, "rows": rows, "skipped": skipped}


def _one(
    file: Path, size: tuple[int, int], jpegs: Sequence[bytes], batch: int, threads: int, rounds: int
) -> dict[str, float]:
    spec, embed = PreprocessSpec(*size), session(file, threads)
    chosen = [jpegs[i % len(jpegs)] for i in range(batch)]
    decoding, whole = [], []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds + 1):  # the first warms up
            start = time.perf_counter()
            images = np.stack(list(pool.map(lambda jpeg: preprocess(decode(jpeg), spec), chosen)))
            decoding.append(time.perf_counter() - start)
            embed.run(None, {"images": images})
            whole.append(time.perf_counter() - start)
    a_batch = statistics.median(whole[1:])
    return {
        "ms": 1000 * a_batch,
        "crops_per_second": batch / a_batch,
        "decoding_share": statistics.median(decoding[1:]) / a_batch,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pose_at_test.batches",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the figures here (default: beside this benchmark)")
    parser.add_argument("--cache", type=Path, default=Path(".cache/pose_at_test"), help="where the graphs are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
