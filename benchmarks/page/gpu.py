"""What was measured on an NVIDIA GPU, where one could be used."""

from __future__ import annotations

from benchmarks.page.results import BENCHMARKS, Result, load, source, table
from benchmarks.pose_at_test.report import batch_table, query_table

POSE, BATCHES, SERVING = "pose_at_test/result-gpu.json", "pose_at_test/batches-gpu.json", "serving/results"


def gpu() -> str:
    """The tables of pose at test, of batches and of serving, as far as they were measured."""
    served = [
        file.relative_to(BENCHMARKS).as_posix()
        for provider in ("cuda", "tensorrt")
        for file in sorted((BENCHMARKS / SERVING).glob(f"throughput-*-{provider}.json"))
    ]
    return gpu_tables(load(POSE), load(BATCHES), {path: load(path) for path in served})


def gpu_tables(pose: Result, batches: Result, served: dict[str, Result]) -> str:
    """Each table with its source. served: results of `serving throughput` by their path."""
    parts = []
    if pose:
        parts += [query_table(pose), source(pose, POSE)]
    if batches:
        parts += [batch_table(batches), source(batches, BATCHES)]
    if served:
        parts += [_serving_table(served), *(source(result, path) for path, result in served.items())]
    return "\n\n".join(parts) or "Nothing was measured on one yet: the commands above skip it where there is none."


def _serving_table(served: dict[str, Result]) -> str:
    head = ["model", "provider", "crops/s through HTTP", "of the bare session's", "one crop alone, ms", "bare, ms"]
    rows = []
    for result in served.values():
        rates = sorted(r["service"] for r in result["rounds"])
        median = rates[len(rates) // 2]
        times = (f"{result[f'idle_{who}_p50_ms']:.2f}" for who in ("service", "bare"))
        rows.append(
            [result["model"], result["provider"], f"{median:,.0f}", f"{result['throughput_of_bare']:.2f}", *times]
        )
    return table(head, rows)
