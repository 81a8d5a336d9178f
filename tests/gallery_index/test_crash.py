"""In small what `python -m benchmarks.gallery.crash` does 200 times; and that its check can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gallery.crash import compare

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    result = tmp_path / "crash.json"
    command = [sys.executable, "-m", "benchmarks.gallery.crash", "--rounds", "6", "--seed", "77", "--json", str(result)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(result.read_text())
    assert told["acknowledged"] > 0
    assert [told[key] for key in ("lost", "back", "torn", "complaints")] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("found", "under_way", "wrong"),
    [
        ({"a": 1, "b": 2}, [], None),
        ({"a": 1}, [], "lost"),
        ({"a": 1, "b": 3}, [], "lost"),
        ({"a": 1, "b": 2, "c": 3}, [], "back"),
        ({"a": 1, "b": 2}, [{"a": 5, "b": 5}], None),
        ({"a": 5, "b": 5}, [{"a": 5, "b": 5}], None),
        ({"a": 5, "b": 2}, [{"a": 5, "b": 5}], "torn"),
        ({}, [{"a": 0}, {"b": 0}], None),
    ],
)
def test_the_check_tells_lost_from_returned_from_torn(
    found: dict[str, int], under_way: list[dict[str, int]], wrong: str | None
) -> None:
    result = dict.fromkeys(("lost", "back", "torn"), 0)
    compare(found, {"a": 1, "b": 2}, under_way, result)
    assert bool(wrong) == any(result.values())
    assert wrong is None or result[wrong]
