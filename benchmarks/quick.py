"""The quick version of every benchmark: its command, and the figures that are kept of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Better = Literal["lower", "higher"]
IMAGE = "pgfl-kd-reid"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a benchmark's result. path: keys and positions that lead to it. better: which way."""

    name: str
    unit: str
    better: Better
    path: tuple[str | int, ...]

    def read(self, result: Any) -> float:
        """The number in one result."""
        for step in self.path:
            result = result[step]
        return float(result)


@dataclass(frozen=True, slots=True)
class Quick:
    """One benchmark. arguments: behind `python -m`; {json}, {plot} and {data} are filled in. missing: says what
    the benchmark needs that is not here, None if all is."""

    name: str
    arguments: tuple[str, ...]
    figures: tuple[Figure, ...]
    missing: Callable[[], str | None] = lambda: None


def _no_container() -> str | None:
    engine = os.environ.get("DOCKER", "docker")
    if not shutil.which(engine):
        return f"there is no {engine}"
    found = subprocess.run([engine, "image", "inspect", IMAGE], capture_output=True, check=False)
    return f"{engine} does not run or has no image {IMAGE} (make image)" if found.returncode else None


def _pose(name: str, position: int) -> Figure:
    return Figure(name, "ms", "lower", ("methods", position, "ms", "whole"))


def _network(title: str, network: int) -> tuple[Figure, ...]:
    path = ("networks", network, "files")
    return (
        Figure(f"{title} fp32, a crop", "ms", "lower", (*path, 0, "milliseconds_a_crop")),
        Figure(f"{title} int8, times fp32's throughput", "×", "higher", (*path, 2, "times_fp32_throughput")),
    )


def _gallery(where: str) -> tuple[Figure, ...]:
    return (
        Figure(f"one query, {where}", "ms", "lower", (where, "one_query_ms")),
        Figure(f"64 queries, {where}", "ms", "lower", (where, "batch_of_64_ms")),
        Figure(f"recall@10, {where}", "", "higher", (where, "recall_at_10")),
    )


ALL = (
    Quick(
        "pose_at_test",
        ("benchmarks.pose_at_test", "--quick", "--json", "{json}", "--plot", "{plot}", "--growth-plot", "{plot}"),
        (
            _pose("ours, ResNet-50 fp32", 0),
            _pose("ours, ResNet-50 int8", 2),
            _pose("ours, compact fp32", 3),
            _pose("ours, compact int8", 5),
            Figure("ours, matching", "ms", "lower", ("methods", 0, "ms", "match")),
            _pose("PGFA + HRNet-W48", 8),
        ),
    ),
    Quick(
        "serving",
        ("benchmarks.serving.quick", "--json", "{json}"),
        (
            Figure("throughput, of the bare session", "×", "higher", ("throughput_of_bare",)),
            Figure("CPU per crop, of the bare session", "×", "lower", ("cpu_per_crop_of_bare",)),
            Figure("one crop at idle", "ms", "lower", ("idle_service_p50_ms",)),
        ),
    ),
    Quick(
        "gallery",
        ("benchmarks.gallery", "--entries", "20000", "--dim", "1280", "--rounds", "7", "--json", "{json}"),
        (
            Figure("durable enrolment", "entries/s", "higher", ("enrolled_per_second",)),
            *_gallery("unfiltered"),
            *_gallery("filter 10 %"),
        ),
    ),
    Quick(
        "training",
        ("benchmarks.training.quick", "--json", "{json}"),
        tuple(
            Figure(f"a step, of the Baseline's, {name}", "×", "lower", ("steps", position, "pgflkd_to_baseline"))
            for position, name in enumerate(("compact 128×64", "compact 256×128"))
        ),
    ),
    Quick(
        "export",
        ("benchmarks.export", "--rounds", "5", "--json", "{json}", "--plot", "{plot}"),
        (*_network("ResNet-50", 0), *_network("EfficientNet-Lite0", 1)),
    ),
    Quick(
        "end_to_end",
        ("benchmarks.end_to_end", "--queries", "100", "--json", "{json}", "--data", "{data}"),
        (
            Figure("enrolment over HTTP", "crops/s", "higher", ("enrolled_crops_per_second",)),
            Figure("search over HTTP", "crops/s", "higher", ("searched_crops_per_second",)),
        ),
    ),
    Quick(
        "evaluation",
        ("benchmarks.evaluation", "--sample", "20", "--rounds", "3", "--json", "{json}"),
        (
            Figure("the evaluator, a query", "ms", "lower", ("figures", "evaluator_ms_per_query")),
            Figure("times faster than the array loop", "×", "higher", ("figures", "times_faster_than_array_loop")),
            Figure("Market-1501's size", "s", "lower", ("figures", "whole_seconds")),
        ),
    ),
    Quick(
        "container",
        ("benchmarks.container", IMAGE, "--starts", "2", "--json", "{json}"),
        (
            Figure("image", "MB", "lower", ("image_mb",)),
            Figure("until it is ready", "s", "lower", ("ready_seconds", "median")),
            Figure("resident memory, ready", "MB", "lower", ("resident_mb", "ready")),
        ),
        missing=_no_container,
    ),
)


def filled(quick: Quick, json: Path, plot: Path, data: Path) -> list[str]:
    """The command's arguments with the places of this run."""
    return [part.format(json=json, plot=plot, data=data) for part in quick.arguments]
