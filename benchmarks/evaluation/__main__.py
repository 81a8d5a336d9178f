"""Speed and memory of the evaluator at Market-1501's size, beside a plain loop and the customary array loop.

    python -m benchmarks.evaluation [--sample N] [--rounds N] [--json FILE]

Features are random; the speed does not depend on what is in them. The loops run on a sample of the queries and are
compared per query. Memory is what numpy allocates above the features while all queries are evaluated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tracemalloc
from pathlib import Path

import numpy as np

from benchmarks.evaluation.loops import array_loop, plain_loop
from benchmarks.machine import machine
from benchmarks.stopwatch import seconds
from training.evaluation.metrics import Labels, cosine_blocks, evaluate_features, query_results
from training.evaluation.rerank import rerank_blocks

QUERIES, GALLERY, DIM, PERSONS, CAMERAS = 3_368, 15_913, 2_048, 750, 6
RESULT = Path(__file__).with_name("result.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation", description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="queries for the loops (default 60)")
    parser.add_argument("--rounds", type=int, default=3, help="of each; the median counts (default 3)")
    parser.add_argument("--rerank", action="store_true", help="k-reciprocal re-ranking too (a minute)")
    parser.add_argument("--json", type=Path, default=RESULT, metavar="FILE")
    options = parser.parse_args()
    query, gallery, of_query, of_gallery = _data()
    figures = _ranking(query, gallery, of_query, of_gallery, options.sample, options.rounds)
    labels = (of_query.ids, of_gallery.ids, of_query.cameras, of_gallery.cameras)
    tracemalloc.start()
    figures["whole_seconds"] = seconds(lambda: evaluate_features(query, gallery, *labels))
    figures["whole_gigabytes_above_features"] = tracemalloc.get_traced_memory()[1] / 1e9
    if options.rerank:
        tracemalloc.reset_peak()
        blocks = lambda: query_results(rerank_blocks(query, gallery), of_query, of_gallery)  # noqa: E731
        figures["rerank_seconds"] = seconds(blocks)
        figures["rerank_gigabytes_above_features"] = tracemalloc.get_traced_memory()[1] / 1e9
    body = {"machine": machine(), "queries": QUERIES, "gallery": GALLERY, "dim": DIM, "figures": figures}
    options.json.write_text(json.dumps(body, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def _data() -> tuple[np.ndarray, np.ndarray, Labels, Labels]:
    rng = np.random.default_rng(0)
    query, gallery = (rng.standard_normal((n, DIM), dtype=np.float32) for n in (QUERIES, GALLERY))
    labels = [Labels(rng.integers(1, PERSONS + 1, n), rng.integers(1, CAMERAS + 1, n)) for n in (QUERIES, GALLERY)]
    return query, gallery, labels[0], labels[1]


def _ranking(query, gallery, of_query, of_gallery, sample: int, rounds: int) -> dict[str, float]:
    """Milliseconds a query from scores to figures, and how many times faster than each loop; same scores for all."""
    scores = next(cosine_blocks(query[:sample], gallery, block=sample))
    asked = Labels(of_query.ids[:sample], of_query.cameras[:sample])
    metrics = query_results([scores], asked, of_gallery).metrics()
    for loop in (plain_loop, array_loop):
        np.testing.assert_allclose(loop(scores, asked, of_gallery), (metrics.mAP, metrics.rank1), rtol=1e-9)
    times: dict[str, list[float]] = {"evaluator": [], "array_loop": [], "plain_loop": []}
    for _ in range(rounds):  # alternating, so that a busy moment hits all
        times["evaluator"].append(seconds(lambda: query_results([scores], asked, of_gallery)))
        times["array_loop"].append(seconds(lambda: array_loop(scores, asked, of_gallery)))
        times["plain_loop"].append(seconds(lambda: plain_loop(scores, asked, of_gallery)))
    medians = {name: statistics.median(of) / sample * 1e3 for name, of in times.items()}
    figures = {f"{name}_ms_per_query": value for name, value in medians.items()}
    for name in ("array_loop", "plain_loop"):
        figures[f"times_faster_than_{name}"] = medians[name] / medians["evaluator"]
    return figures


if __name__ == "__main__":
    main()
