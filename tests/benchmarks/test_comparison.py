"""Two results of `python -m benchmarks`: what is called worse, and what is compared at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.comparison import change, changes, last_on_same_machine

MACHINE = {"cpu": "Some CPU", "cores": 2}
values = st.lists(st.floats(0.1, 1000), min_size=1, max_size=5)
ways = st.sampled_from(["lower", "higher"])


def figure(*of: float, better: str = "lower") -> dict[str, Any]:
    return {"values": list(of), "unit": "ms", "better": better}


def result(folder: Path, date: str, machine: dict[str, Any], *of: float) -> Path:
    file = folder / f"{date}-cpu.json"
    body = {"machine": machine, "benchmarks": {"export": {"figures": {"a crop": figure(*of)}}}}
    file.write_text(json.dumps(body))
    return file


@pytest.mark.parametrize(
    ("then", "now", "better", "worse"),
    [
        ((10, 11, 12), (13, 14, 15), "lower", True),
        ((10, 11, 12), (8, 8.5, 9), "higher", True),
        ((10, 11, 12), (11.9, 14, 15), "lower", False),  # one run lies among those of then
        ((10, 10, 10), (10.1, 10.2, 10.3), "lower", False),  # all worse, but by 2 %
        ((10, 11, 12), (7, 8, 9), "lower", False),  # better
        ((10, 11, 12), (13, 14, 15), "higher", False),
    ],
)
def test_worse_is_beyond_every_run_and_by_five_per_cent(
    then: tuple[float, ...], now: tuple[float, ...], better: str, worse: bool
) -> None:
    assert change(figure(*then, better=better), figure(*now, better=better)).worse is worse


@given(values, values, ways)
def test_no_result_is_worse_than_itself_and_not_both_ways(then: list[float], now: list[float], better: str) -> None:
    old, new = figure(*then, better=better), figure(*now, better=better)
    assert not change(old, old).worse
    assert not (change(old, new).worse and change(new, old).worse)


def test_the_newest_of_the_same_cpu_and_cores_is_compared_with(tmp_path: Path) -> None:
    result(tmp_path, "2026-01-01", MACHINE, 1)
    wanted = result(tmp_path, "2026-01-02", MACHINE, 1)
    result(tmp_path, "2026-01-03", MACHINE | {"cpu": "Another CPU"}, 1)
    result(tmp_path, "2026-01-04", MACHINE | {"cores": 16}, 1)
    assert last_on_same_machine(tmp_path, MACHINE) == wanted


def test_nothing_is_compared_with_another_cpu(tmp_path: Path) -> None:
    result(tmp_path, "2026-01-03", MACHINE, 1)
    assert last_on_same_machine(tmp_path, MACHINE | {"cpu": "Another CPU"}) is None


def test_only_what_both_results_have_is_compared() -> None:
    then = {"benchmarks": {"export": {"figures": {"a crop": figure(1, 2)}}, "container": {"skipped": "no engine"}}}
    now = {
        "benchmarks": {
            "export": {"figures": {"a crop": figure(3, 4), "new": figure(1)}},
            "container": {"figures": {"image": figure(445)}},
            "serving": {"skipped": "failed with status 1"},
        }
    }
    assert {key: of.worse for key, of in changes(then, now).items()} == {("export", "a crop"): True}
