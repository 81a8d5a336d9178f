"""Timing of all methods in turns, and what is made of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rich.progress import track

from benchmarks.pose_at_test.pipelines import STAGES, Pipeline
from benchmarks.stopwatch import seconds

QUERIES, GALLERY = 2_210, 17_661  # of Occluded-Duke
SLOW_SECONDS, SLOW_EVERY = 2.0, 2
TURN_SECONDS = 0.1
Sample = dict[str, float]


def measure(pipelines: Sequence[Pipeline], jpegs: Sequence[bytes], rounds: int) -> list[list[Sample]]:
    """Per method samples of each round: seconds of each part, and of the whole, run without looking at the parts.

    Methods take turns, so that whatever else the machine does meets all; slow ones join every second round.
    """
    samples: list[list[Sample]] = [[] for _ in pipelines]
    slow = [seconds(lambda p=p: p.query(jpegs[0])) > SLOW_SECONDS for p in track(pipelines, "warming up")]
    for number in track(range(rounds), "rounds"):
        jpeg = jpegs[number % len(jpegs)]
        for pipeline, own, seldom in zip(pipelines, samples, slow, strict=True):
            if seldom and number % SLOW_EVERY:
                continue
            own.extend(turn(pipeline, jpeg, warm=not seldom))
    return samples


def turn(pipeline: Pipeline, jpeg: bytes, *, warm: bool) -> list[Sample]:
    """One sample, or as many as fit into TURN_SECONDS. warm: a query first that does not count: a stream of queries is
    timed, not the first one after others have used the caches."""
    if warm:
        pipeline.query(jpeg)
    samples: list[Sample] = []
    while not samples or sum(sample["whole"] for sample in samples) < TURN_SECONDS:
        whole = seconds(lambda: pipeline.query(jpeg))
        parts = pipeline.stages(jpeg)
        samples.append(parts | {"whole": whole, "sum": sum(parts.values())})
    return samples


def row(pipeline: Pipeline, samples: Sequence[Sample]) -> dict[str, object]:
    """Medians in milliseconds. `parts_of_whole` is the median over pairs of a query's parts, added up, and the whole of
    the query before it: what else the machine does in these seconds meets both.

    `enrol` is what a gallery crop costs once, without and with its pose; `hours` is all of Occluded-Duke then.
    """
    ms = {part: 1000 * statistics.median(s[part] for s in samples) for part in (*STAGES, "whole")}
    without = ms["preprocess"] + ms["embed"]
    enrol = {"pose_on_query_only": without, "pose_on_query_and_gallery": without + ms["pose"]}
    return {
        "name": pipeline.name,
        "family": pipeline.family,
        "precision": pipeline.precision,
        "gmacs": pipeline.macs / 1e9,
        "queries": len(samples),
        "ms": ms,
        "parts_of_whole": statistics.median(s["sum"] / s["whole"] for s in samples),
        "whole_ms_quartiles": [1000 * q for q in statistics.quantiles((s["whole"] for s in samples), n=4)[::2]],
        "bytes_per_entry": pipeline.matcher.bytes_per_entry,
        "enrol_ms": enrol,
        "hours": {kind: (QUERIES * ms["whole"] + GALLERY * crop) / 3.6e6 for kind, crop in enrol.items()},
        "paper_seconds": pipeline.paper,
    }
