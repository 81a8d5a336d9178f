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


def test_slow_methods_join_every_second_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TURN_SECONDS", 0)
    fast, slow = Counting(), Counting()
    monkeypatch.setattr(rounds, "seconds", lambda work: work() or (3.0 if slow.asked[-1:] == ["whole"] else 0.5))
    (of_fast, of_slow) = measure([fast, slow], [b""], 13)  # type: ignore[list-item]
    assert (len(of_fast), len(of_slow)) == (13, 7)
    assert slow.asked == ["whole", *["whole", "parts"] * 7]
    assert of_slow[0]["sum"] == 1.0


def test_parts_are_added_up_query_by_query() -> None:
    late = [
        {"preprocess": 3.0, "pose": 0.0, "embed": 1.0, "match": 1.0, "sum": 5.0, "whole": 5.0},
        {"preprocess": 1.0, "pose": 0.0, "embed": 3.0, "match": 1.0, "sum": 5.0, "whole": 5.0},
        {"preprocess": 1.0, "pose": 0.0, "embed": 1.0, "match": 3.0, "sum": 5.0, "whole": 5.0},
    ]
    found = row(Counting(), late)  # type: ignore[arg-type]
    assert found["ms"] == {"preprocess": 1e3, "pose": 0.0, "embed": 1e3, "match": 1e3, "whole": 5e3}
    assert found["parts_of_whole"] == 1  # where the medians of the parts add up to three fifths


def test_parts_are_compared_with_the_whole_pair_by_pair() -> None:
    parts = {"preprocess": 0.0, "pose": 0.0, "embed": 1.0, "match": 1.0}
    pairs = [(2.0, 2.0), (6.0, 6.3), (4.0, 4.0), (6.0, 5.0), (9.0, 9.0)]  # of a machine that is busy now and then
    found = row(Counting(), [parts | {"sum": added, "whole": whole} for added, whole in pairs])  # type: ignore[arg-type]
    assert found["parts_of_whole"] == 1
    assert found["ms"] == {"preprocess": 0.0, "pose": 0.0, "embed": 1e3, "match": 1e3, "whole": 5e3}
