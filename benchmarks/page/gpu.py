"""What was measured on an NVIDIA GPU, where one could be used."""

from __future__ import annotations

from benchmarks.page.answer import COMPACT, RESNET, RIVAL, times_faster, whole_ms
from benchmarks.page.results import BENCHMARKS, Result, load, source, table
from benchmarks.pose_at_test.report import batch_table, query_table

_LATENCY = "![latency against GMACs on a GPU](../benchmarks/pose_at_test/latency-gpu.png)"
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
        parts += [_in_words(pose), _LATENCY, query_table(pose), source(pose, POSE)]
    if batches:
        parts += [_of_a_batch(batches), batch_table(batches), source(batches, BATCHES)]
    if served:
        parts += [_serving_table(served), *(source(result, path) for path, result in served.items())]
    if not parts:
        return "Nothing was measured on one yet: the commands above skip it where there is none."
    return "\n\n".join(parts if served else [*parts, "Serving was not measured on one yet."])


def _in_words(pose: Result) -> str:
    """What a query costs with pose and without."""
    ms, times = whole_ms(pose), times_faster(pose)
    rival = next(method["ms"] for method in pose["methods"] if method["name"] == RIVAL)
    half, eight = (ms[RESNET, precision] / ms[RESNET, "fp32"] for precision in ("fp16", "int8"))
    return (
        f"There, too, pose is most of a query: {rival['pose']:.1f} of the {ms[RIVAL, 'fp32']:.1f} ms of {RIVAL}. Ours "
        f"with ResNet-50 takes {ms[RESNET, 'fp32']:.1f} ms ({times[RESNET, 'fp32']:.1f} times faster), the compact "
        f"model {ms[COMPACT, 'fp32']:.1f} ms ({times[COMPACT, 'fp32']:.1f} times). For one crop at a time ResNet-50 in "
        f"fp16 takes {half:.2f} times as long as in fp32, in int8 {eight:.2f} times."
    )


def _of_a_batch(batches: Result) -> str:
    """What the largest batch waits for."""
    largest = max(row["batch"] for row in batches["rows"])
    rows = [row for row in batches["rows"] if row["batch"] == largest]
    best, shares = max(rows, key=lambda row: row["crops_per_second"]), [row["decoding_share"] for row in rows]
    return (
        f"In batches of {largest} decoding and resizing JPEGs on the CPU is {min(shares):.0%} to "
        f"{max(shares):.0%} of the time. The most that went through were {best['crops_per_second']:,.0f} crops/s "
        f"({best['network']}, {best['precision']})."
    )


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
