"""What got worse since the last result on the same kind of machine, by more than the noise.

Every quick benchmark runs several times, and every value is kept. A figure got worse if all its values now are worse
than all its values then, and the median by 5 % or more. So noise is what the runs of one result differ by among
themselves: where the two results overlap, nothing is said, nor where neither has a second run to show its noise.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEAST = 0.05

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A figure's median now against then. worse: beyond the noise."""

    then: float
    now: float
    worse: bool

    @property
    def percent(self) -> float:
        """Of the value then; NaN where that was 0."""
        return 100 * (self.now / self.then - 1) if self.then else float("nan")


def last_on_same_machine(results: Path, machine: Result) -> Path | None:
    """The newest result file whose CPU and cores are these; names begin with the date."""
    files = sorted(results.glob("*.json"), reverse=True)
    return next((file for file in files if kind(json.loads(file.read_text())["machine"]) == kind(machine)), None)


def kind(machine: Result) -> tuple[object, object]:
    """Only results of one kind of machine are compared: the CPU's name, and the cores that may be used."""
    return machine["cpu"], machine["cores"]


def changes(then: Result, now: Result) -> dict[tuple[str, str], Change]:
    """(benchmark, figure) -> how it changed, for what both results have."""
    return {
        (benchmark, figure): change(then["benchmarks"][benchmark]["figures"][figure], of)
        for benchmark, ran in now["benchmarks"].items()
        for figure, of in ran.get("figures", {}).items()
        if figure in then["benchmarks"].get(benchmark, {}).get("figures", {})
    }


def change(then: Result, now: Result) -> Change:
    """then, now: {"values": […], "better": "lower" or "higher"} of one figure."""
    sign = 1 if now["better"] == "lower" else -1
    before, after = [sign * v for v in then["values"]], [sign * v for v in now["values"]]
    old, new = statistics.median(then["values"]), statistics.median(now["values"])
    repeated = len(before) + len(after) > 2
    beyond = repeated and min(after) > max(before) and abs(new - old) >= LEAST * abs(old)
    return Change(old, new, beyond)
