"""results/README.md out of the result files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_table(results: Path) -> None:
    parts = [
        "# Serving: what was measured",
        "",
        "Made by `python -m benchmarks.serving table` from the JSON files here.",
    ]
    for file in sorted(results.glob("*.json")):
        result = json.loads(file.read_text())
        say = _SAYINGS[file.stem.partition("-")[0]]
        where = f"{result['machine']['cpu']}, {result['machine']['cores']} cores, commit {result['machine']['commit']}"
        parts += ["", f"## {file.stem}", "", f"`{result['command']}` on {where}", "", "| | |", "|---|---|"]
        parts += [f"| {name} | {value} |" for name, value in say(result)]
    (results / "README.md").write_text("\n".join(parts) + "\n")


def _throughput(r: dict[str, Any]) -> list[tuple[str, Any]]:
    low, high = r["throughput_of_bare_range"]
    return [
        ("clients × crops a request", f"{r['clients']} × {r['crops_per_request']}"),
        ("throughput, of the bare session (decoding included in both)", f"{r['throughput_of_bare']} ({low} to {high})"),
        ("CPU per crop, of the bare session", r["cpu_per_crop_of_bare"]),
        ("one crop at idle: bare, service, ms", f"{r['idle_bare_p50_ms']}, {r['idle_service_p50_ms']}"),
        ("overhead of one crop at idle, p50, ms", r["idle_overhead_p50_ms"]),
        ("load average of the machine meanwhile", r["load_average"]),
    ]


def _litserve(r: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (
            f"{told}: crops/s, p50 ms, p99 ms",
            ", ".join(str(r[name][k]) for k in ("crops_per_second", "p50_ms", "p99_ms")),
        )
        for name, told in (("service", "service"), ("litserve", f"litserve {r['litserve_version']}"))
    ]


def _overload(r: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("seconds", r["seconds"]),
        ("offered, of the capacity", r["offered_of_capacity"]),
        ("goodput, of the capacity", r["goodput_of_capacity"]),
        ("cores of the service, of its clients", f"{r['cores']['service']}, {r['cores']['clients']}"),
        ("how busy the clients' cores were", r["clients_of_their_cores"]),
        ("answers by status", _listed(r["statuses"])),
        ("accepted: p50, p99, ms", f"{r['accepted_p50_ms']}, {r['accepted_p99_ms']}"),
        ("the queue's length in time, ms", r["queue_ms"]),
        ("resident memory, MiB", _memory(r["resident_mib"])),
        ("one crop at idle before and after, ms", ", ".join(map(str, r["idle_p50_ms_before_and_after"]))),
    ]


def _soak(r: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("seconds", r["seconds"]),
        ("requests", _listed(r["requests"])),
        ("resident memory, MiB", _memory(r["resident_mib"])),
    ]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())


def _memory(r: dict[str, float]) -> str:
    return f"{r['first']} at first, {r['last']} at last ({r['growth_percent']:+} %), {r['highest']} at most"


_SAYINGS: dict[str, Callable[[dict[str, Any]], list[tuple[str, Any]]]] = {
    "throughput": _throughput,
    "litserve": _litserve,
    "overload": _overload,
    "soak": _soak,
}
