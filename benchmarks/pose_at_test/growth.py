"""How the cost of matching grows with the gallery."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rich.progress import track

from benchmarks.pose_at_test.matching import Array, CosineMatcher, Matcher, ReconstructionMatcher, SharedPartsMatcher
from benchmarks.pose_at_test.pipelines import Pipeline
from benchmarks.stopwatch import seconds

SIZES = (1_000, 2_000, 4_000, 8_000, 16_000)
SHOWN = ("PGFL-KD, ResNet-50", "PGFA + HRNet-W48", "DSR", "SFR")


def matching_growth(pipelines: Sequence[Pipeline], jpeg: bytes) -> dict[str, dict[int, float]]:
    """Median seconds of three searches, by method and gallery size."""
    chosen = {p.name: p for p in reversed(pipelines) if p.name in SHOWN}  # reversed: fp32, the first, stays
    grown: dict[str, dict[int, float]] = {}
    for name, pipeline in track(chosen.items(), "growing galleries"):
        features = pipeline.features(jpeg)
        grown[name] = {size: _search_seconds(_resized(pipeline.matcher, size), features) for size in SIZES}
    return grown


def _search_seconds(matcher: Matcher, features: Sequence[Array]) -> float:
    return statistics.median(seconds(lambda: matcher.search(*features)) for _ in range(3))


def _resized(matcher: Matcher, entries: int) -> Matcher:
    """The same kind of gallery with another number of crops."""
    if isinstance(matcher, CosineMatcher):
        return CosineMatcher(entries, matcher.gallery.shape[1])
    if isinstance(matcher, SharedPartsMatcher):
        return SharedPartsMatcher(entries, pose=True)
    assert isinstance(matcher, ReconstructionMatcher)
    return ReconstructionMatcher(entries, *matcher.gallery.shape[1:], distinct=128)
