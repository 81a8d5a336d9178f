"""Speed, recall and memory of a gallery beside exact search, in one run.

    python -m benchmarks.gallery [--dim 2048] [--entries 100000] [--directory DIR]

Identity clusters are enrolled durably in batches of 256 (a directory that already holds some of them is continued), the
gallery is closed and opened from its snapshot, and single queries, batches of 64 and filters are timed in turns with
the exact baseline: faiss Flat where it fits into memory, an exact scan of the stored embeddings where it does not.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path

import faiss

from benchmarks.gallery.clusters import CHUNK, FIRST, chunk, queries
from benchmarks.gallery.enrolment import enrol
from benchmarks.machine import machine
from benchmarks.stopwatch import seconds
from gallery_index import EVERYTHING, Embedding, Filter
from gallery_index.directory import EmbeddedGalleries
from gallery_index.gallery import EmbeddedGallery
from gallery_index.scan import scan_mask, scan_slots

HERE = Path(__file__).parent
K, QUERIES = 10, 64
WARM, TURN = 8, 32  # queries: so many until the processor's caches hold again what a gallery in use keeps there
FLAT_BYTES = 2 * 2**30  # more would need the memory that the gallery does without

Exact = Callable[[Embedding], list[list[int]]]


def main() -> int:
    parser = argparse.ArgumentParser(description="A gallery beside exact search: speed, recall, memory.")
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--entries", type=int, default=100_000, help=f"a multiple of {CHUNK}")
    parser.add_argument("--directory", type=Path, help="kept; without it a temporary one")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--enrol-only", action="store_true", help="leave the measurements to a later run")
    parser.add_argument("--json", type=Path, help="default: gallery-DIM-ENTRIES.json beside this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.directory or Path(temporary)
        result: dict[str, object] = {"machine": machine(), "dim": options.dim, "entries": options.entries}
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:  # what it frees would hide what opening needs
            result["enrolled_per_second"] = apart.submit(enrol, directory, options.dim, options.entries).result()
        if not options.enrol_only:
            result |= measure(directory, options.dim, options.entries, options.rounds)
    target = options.json or HERE / f"gallery-{options.dim}-{options.entries}.json"
    if options.enrol_only:
        target = target.with_suffix(".enrolled.json")
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


def measure(directory: Path, dim: int, count: int, rounds: int) -> dict[str, object]:
    before = memory()
    galleries = EmbeddedGalleries(directory, durability="full")
    opened: list[EmbeddedGallery] = []
    opening = seconds(lambda: opened.append(galleries.open("bench")))
    (gallery,) = opened
    probes = queries(count // CHUNK, dim, QUERIES)
    gallery.search(probes, k=K, by="benchmark")
    held = memory() - before
    name, exact = baseline(gallery, count, dim)
    result: dict[str, object] = {
        "open_seconds": round(opening, 2),
        "resident_mib_beyond_page_cache": round(held / 2**20),
        "baseline": name,
        "unfiltered": compare(gallery, exact, probes, EVERYTHING, rounds),
    }
    for share, where in filters(count).items():
        result[f"filter {share}"] = compare(gallery, exact, probes, where, max(3, rounds // 2))
    galleries.close()
    return result


def filters(count: int) -> dict[str, Filter]:
    """Half by camera, which every identity passes with half of its crops; less by time; a thousandth by attribute."""
    return {
        "50 %": Filter(not_cameras=frozenset({"c0", "c1", "c2", "c3"})),
        "10 %": Filter(until=FIRST + timedelta(seconds=count // 10)),
        "1 %": Filter(since=FIRST + timedelta(seconds=count - count // 100)),
        "0.1 %": Filter(attributes={"thousandth": 7}),
    }


def baseline(gallery: EmbeddedGallery, count: int, dim: int) -> tuple[str, Exact]:
    """Exact and unfiltered."""
    storage = gallery._storage  # noqa: SLF001 - measured from inside
    if count * dim * 4 > FLAT_BYTES:
        used = storage.engine.used[: storage.vectors.capacity]
        return "exact scan", lambda q: [h.slots.tolist() for h in scan_mask(storage.vectors.rows, q, K, used)]
    flat = faiss.IndexFlatIP(dim)
    for number in range(count // CHUNK):
        flat.add(chunk(number, dim))
    return "faiss Flat", lambda q: flat.search(q, K)[1].tolist()


def compare(
    gallery: EmbeddedGallery, exact: Exact, probes: Embedding, where: Filter, rounds: int
) -> dict[str, float | int]:
    """Times in turns, so that whatever else the machine does meets both. Recall against an exact scan.

    A turn is TURN queries, after WARM others: the exact scan before them has emptied the processor's caches, and its
    threads still spin, which nobody does to a gallery in use. The first of those is reported apart. The exact scan
    itself reads from memory whatever was before it; one is enough to warm it up.
    """
    singles = cycle(probes[:, None])
    times: dict[str, list[float]] = {"ours": [], "first": [], "exact": [], "ours64": [], "exact64": []}

    def ours(query: Embedding) -> float:
        return seconds(lambda: gallery.search(query, k=K, where=where, by="benchmark"))

    def theirs(query: Embedding) -> float:
        return seconds(lambda: exact(query))

    for number in range(rounds):
        first, *_ = [ours(next(singles)) for _ in range(WARM)]
        times["first"].append(first)
        times["ours"] += [ours(next(singles)) for _ in range(TURN)]
        times["exact"] += [theirs(next(singles)) for _ in range(5)][1:]
        if number < max(3, rounds // 4):
            times["ours64"] += [ours(probes) for _ in range(2)][1:]
            times["exact64"] += [theirs(probes) for _ in range(2)][1:]
    ms = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    return {
        "recall_at_10": recall(gallery, probes, where),
        "one_query_ms": round(ms["ours"], 2),
        "first_query_after_other_work_ms": round(ms["first"], 2),
        "one_query_exact_ms": round(ms["exact"], 2),
        "one_query_faster": round(ms["exact"] / ms["ours"], 1),
        "batch_of_64_ms": round(ms["ours64"], 1),
        "batch_of_64_exact_ms": round(ms["exact64"], 1),
        "batch_of_64_faster": round(ms["exact64"] / ms["ours64"], 2),
    }


def recall(gallery: EmbeddedGallery, probes: Embedding, where: Filter) -> float:
    """Share of the exact best ten that are answered."""
    storage = gallery._storage  # noqa: SLF001 - measured from inside
    truth = scan_slots(storage.vectors.rows, probes, K, storage.store.slots(where))
    found = gallery.search(probes, k=K, where=where, by="benchmark")
    hit = 0
    for hits, matches in zip(truth, found, strict=True):
        wanted = {s.id for s in storage.store.by_slots(hits.slots.tolist()).values()}
        hit += len(wanted & {match.sighting.id for match in matches})
    return round(hit / sum(len(hits.slots) for hits in truth), 6)


def memory() -> int:
    """Bytes of this process that are its own, without mapped files."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    sys.exit(main())
