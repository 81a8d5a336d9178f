"""How the cost of matching grows with the gallery."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np
from rich.progress import track

from benchmarks.pose_at_test.gallery import OurGallery
from benchmarks.pose_at_test.graphs import REDUCED, WIDTH
from benchmarks.pose_at_test.matching import (
    Array,
    CosineMatcher,
    Matcher,
    ReconstructionMatcher,
    VisiblePartsMatcher,
    unit,
)
from benchmarks.pose_at_test.methods import blocks
from benchmarks.stopwatch import seconds

SIZES = (1_000, 2_000, 4_000, 8_000, 16_000)
_DSR, _SFR = blocks((1, 2, 3)), blocks((1, 2, 3, 4))
_ONE = unit(np.random.default_rng(1).standard_normal((1, WIDTH), dtype=np.float32))

# name -> (shape of a query's features, gallery of a size)
KINDS: dict[str, tuple[tuple[int, ...], Callable[[int], Matcher]]] = {
    "PGFL-KD": ((1, WIDTH), lambda size: OurGallery(size, _ONE)),
    "PGFL-KD, plain scan": ((1, WIDTH), lambda size: CosineMatcher(size, WIDTH)),
    "PGFA": ((1, 4, REDUCED), lambda size: VisiblePartsMatcher(size, 4, REDUCED, always=1)),
    "PVPM": ((1, 6, WIDTH), lambda size: VisiblePartsMatcher(size, 6, WIDTH, always=0)),
    "DSR": ((1, _DSR, WIDTH), lambda size: ReconstructionMatcher(size, _DSR, WIDTH, held=128)),
    "SFR": ((1, _SFR, WIDTH), lambda size: ReconstructionMatcher(size, _SFR, WIDTH, held=128)),
}


def matching_growth(sizes: Sequence[int], patience: float) -> dict[str, dict[int, float]]:
    """Median seconds of a search, by method and gallery size; of five, or as many as fit into `patience` seconds."""
    grown: dict[str, dict[int, float]] = {name: {} for name in KINDS}
    for name, (shape, build) in track(KINDS.items(), "growing galleries"):
        query = _ONE if shape == _ONE.shape else unit(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
        for size in sizes:
            matcher = build(size)
            grown[name][size] = _search_seconds(matcher, query, patience)
            if isinstance(matcher, OurGallery):
                matcher.close()
    return grown


def _search_seconds(matcher: Matcher, query: Array, patience: float) -> float:
    taken = [seconds(lambda: matcher.search(query))]
    if taken[0] < patience:
        taken.clear()  # the first pays for pages and caches
    while not taken or (len(taken) < 5 and sum(taken) < patience):
        taken.append(seconds(lambda: matcher.search(query)))
    return statistics.median(taken)
