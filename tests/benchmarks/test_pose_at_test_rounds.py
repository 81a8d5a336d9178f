"""Turns of the pose-at-test benchmark, with a pipeline that only counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from benchmarks.pose_at_test import rounds
from benchmarks.pose_at_test.rounds import measure, row


@dataclass
class Counting:
    """Stands in for a pipeline: says what it was asked."""

    asked: list[str] = field(default_factory=list)
    name: str = "counting"
    family: str = "counting"
    precision: str = "fp32"
    macs: float = 2e9
    paper: float | None = None
    matcher: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(bytes_per_entry=4))

    def query(self, jpeg: bytes) -> None:
        self.asked.append("whole")

    def stages(self, jpeg: bytes) -> dict[str, float]:
        self.asked.append("parts")
        return {"preprocess": 0.25, "pose": 0.25, "embed": 0.25, "match": 0.25}


def test_slow_methods_join_every_third_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TURN_SECONDS", 0)
    fast, slow = Counting(), Counting()
    monkeypatch.setattr(rounds, "seconds", lambda work: work() or (3.0 if slow.asked[-1:] == ["whole"] else 0.5))
    (of_fast, of_slow) = measure([fast, slow], [b""], 13)  # type: ignore[list-item]
    assert (len(of_fast), len(of_slow)) == (13, 5)
    assert slow.asked == ["whole", *["whole", "parts"] * 5]
    assert of_slow[0]["sum"] == 1.0


def test_parts_are_added_up_query_by_query() -> None:
    late = [
        {"preprocess": 3.0, "pose": 0.0, "embed": 1.0, "match": 1.0, "sum": 5.0, "whole": 5.0},
        {"preprocess": 1.0, "pose": 0.0, "embed": 3.0, "match": 1.0, "sum": 5.0, "whole": 5.0},
        {"preprocess": 1.0, "pose": 0.0, "embed": 1.0, "match": 3.0, "sum": 5.0, "whole": 5.0},
    ]
    ms = row(Counting(), late)["ms"]  # type: ignore[arg-type]
    assert ms == {"preprocess": 1e3, "pose": 0.0, "embed": 1e3, "match": 1e3, "sum": 5e3, "whole": 5e3}
