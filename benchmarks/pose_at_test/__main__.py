"""What pose at test costs (Table 9 of the paper), asked with one runtime, one machine, one gallery size.

    python -m benchmarks.pose_at_test [--quick] [--json FILE] [--plot FILE]

One query goes from JPEG to the ten best of 17,661 gallery crops (Occluded-Duke's size), method after method, in rounds:
what is reported is the median over the rounds. ResNet-50 and the rivals have random weights, which speed does not see.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from benchmarks.machine import machine
from benchmarks.pose_at_test.growth import matching_growth
from benchmarks.pose_at_test.methods import COMPACT_SIZE, SIZE, Methods
from benchmarks.pose_at_test.pipelines import STAGES, Pipeline
from benchmarks.pose_at_test.report import markdown, plot
from benchmarks.stopwatch import seconds
from reid_contract import PreprocessSpec, preprocess
from training.data.synthetic import draw_cameras, draw_crop, draw_people

ENTRIES = 17_661
HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    rounds = 3 if options.quick else 9
    jpegs, crops = drawn_crops(64)
    threads = len(os.sched_getaffinity(0))
    pipelines = list(Methods(options.cache, ENTRIES, threads, crops).all())
    samples = measure(pipelines, jpegs, rounds)
    result = {
        "machine": machine(),
        "command": "python -m benchmarks.pose_at_test" + (" --quick" if options.quick else ""),
        "threads": threads,
        "gallery": ENTRIES,
        "rounds": rounds,
        "methods": [row(pipeline, samples[pipeline.name, pipeline.precision]) for pipeline in pipelines],
        "matching_seconds_by_gallery": matching_growth(pipelines, jpegs[0]),
    }
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    plot(result, options.plot)
    print(markdown(result))
    return 0


def measure(
    pipelines: Sequence[Pipeline], jpegs: Sequence[bytes], rounds: int
) -> dict[tuple[str, str], list[dict[str, float]]]:
    """Per method one dict a round: seconds of each part, and of the whole when run without looking at the parts."""
    samples: dict[tuple[str, str], list[dict[str, float]]] = {(p.name, p.precision): [] for p in pipelines}
    for pipeline in track(pipelines, "warming up"):
        pipeline.query(jpegs[0])
    for number in track(range(rounds), "rounds"):
        jpeg = jpegs[number % len(jpegs)]
        for pipeline in pipelines:
            parts = pipeline.stages(jpeg)
            whole = seconds(lambda pipeline=pipeline, jpeg=jpeg: pipeline.query(jpeg))
            samples[pipeline.name, pipeline.precision].append(parts | {"whole": whole})
    return samples


def row(pipeline: Pipeline, samples: Sequence[dict[str, float]]) -> dict[str, object]:
    """Medians in milliseconds. `sum` is of the parts' medians."""
    ms = {part: 1000 * statistics.median(s[part] for s in samples) for part in (*STAGES, "whole")}
    return {
        "name": pipeline.name,
        "family": pipeline.family,
        "precision": pipeline.precision,
        "gmacs": pipeline.macs / 1e9,
        "ms": ms | {"sum": sum(ms[stage] for stage in STAGES)},
        "bytes_per_entry": pipeline.matcher.bytes_per_entry,
        "paper_seconds": pipeline.paper,
    }


def drawn_crops(count: int) -> tuple[list[bytes], dict[tuple[int, int], NDArray[np.uint8]]]:
    """JPEGs of drawn people at 256×128, and the same crops at each network's size, (N, H, W, 3)."""
    rng = np.random.default_rng(0)
    people, cameras = draw_people(count, seed=0), draw_cameras(6, seed=0)
    images = [draw_crop(people[i], cameras[i % 6], rng).image for i in range(count)]
    sized = {size: np.stack([preprocess(i, PreprocessSpec(*size)) for i in images]) for size in (SIZE, COMPACT_SIZE)}
    return [_jpeg(image) for image in images], sized


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pose_at_test", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds in place of 9")
    parser.add_argument("--json", type=Path, default=HERE / "result.json", help="write the figures here")
    parser.add_argument("--plot", type=Path, default=HERE / "latency.png", help="write the plot here")
    parser.add_argument("--cache", type=Path, default=Path(".cache/pose_at_test"), help="graphs are kept here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
