"""One contender in a process of its own, so that its memory can be told, and so that it can be killed.

PYTHON -m benchmarks.rivals.worker NAME enrol|measure|write|check FOLDER …: prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.gallery.clusters import CHUNK, chunk, queries
from benchmarks.rivals.contender import Contender, filters

# name -> (module, class, package whose version counts)
CONTENDERS = {
    "gallery_index": ("ours", "GalleryIndex", "faiss-cpu"),
    "faiss Flat": ("faiss_indexes", "FaissFlat", "faiss-cpu"),
    "faiss HNSW": ("faiss_indexes", "FaissHNSW", "faiss-cpu"),
    "faiss IVF": ("faiss_indexes", "FaissIVF", "faiss-cpu"),
    "Qdrant local": ("qdrant", "Qdrant", "qdrant-client"),
    "Chroma": ("chroma", "Chroma", "chromadb"),
    "LanceDB": ("lance", "LanceDB", "lancedb"),
    "Milvus Lite": ("milvus_lite_file", "MilvusLite", "milvus-lite"),
}
BATCH, WRITE_BATCH, QUERIES = 1000, 64, 64


def main() -> int:
    options = _parser().parse_args()
    module, kind, package = CONTENDERS[options.name]
    make = getattr(import_module(f"benchmarks.rivals.{module}"), kind)
    work: dict[str, Callable[[], dict[str, object]]] = {
        "enrol": lambda: enrol(make(options.folder, options.dim), options.dim, options.entries),
        "measure": lambda: measure(make, options.folder, options.dim, options.entries, options.truth),
        "write": lambda: write(make(options.folder, options.dim), options.dim),
        "check": lambda: check(make, options.folder, options.dim),
    }
    print(json.dumps({"version": f"{package} {version(package)}", **work[options.task]()}), flush=True)
    return 0


def enrol(contender: Contender, dim: int, wanted: int) -> dict[str, object]:
    """Goes on where an earlier call stopped; the rate is of this call's entries, without `finish`."""
    begin, taken = contender.count(), 0.0
    for start in range(begin, wanted, BATCH):
        rows = _rows(start, dim)
        before = time.perf_counter()
        contender.add(start, rows)
        taken += time.perf_counter() - before
    before = time.perf_counter()
    contender.finish()
    finishing = time.perf_counter() - before
    contender.close()
    return {"per_second": round((wanted - begin) / taken) if taken else None, "finish_seconds": round(finishing, 1)}


def measure(
    make: Callable[[Path, int], Contender], folder: Path, dim: int, entries: int, truth: Path
) -> dict[str, object]:
    """Opens what was enrolled; every query alone, every filter; memory is anonymous, beyond the imports'."""
    imported, before = _anonymous(), time.perf_counter()
    contender = make(folder, dim)
    if contender.count() != entries:
        raise SystemExit(f"error: {folder} holds {contender.count():,} entries, not {entries:,}; run enrol first")
    probes, answers = queries(entries // CHUNK, dim, QUERIES), np.load(truth)
    contender.search(probes[0], filters(entries)["all"])
    opening = time.perf_counter() - before
    searches = {}
    for number, (name, where) in enumerate(filters(entries).items()):
        taken, hits = [], 0
        for probe, wanted in zip(probes, answers[f"filter{number}"], strict=True):
            start = time.perf_counter()
            found = contender.search(probe, where)
            taken.append(time.perf_counter() - start)
            hits += len(set(found) & set(wanted.tolist()))
        ms = sorted(1000 * t for t in taken)
        searches[name] = {
            "recall_at_10": hits / answers[f"filter{number}"].size,
            "ms": statistics.median(ms),
            "p90_ms": ms[int(0.9 * len(ms))],
        }
    grown = (_anonymous() - imported) / 2**20
    contender.close()
    disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20
    return {"first_answer_seconds": opening, "memory_mib": grown, "disk_mib": disk, "searches": searches}


def write(contender: Contender, dim: int) -> dict[str, object]:
    """Enrols small batches until killed, and says after each how many entries were acknowledged."""
    begin = contender.count()
    while True:
        rows = _rows(begin, dim, WRITE_BATCH)
        contender.add(begin, rows)
        begin += len(rows)
        print(begin, flush=True)


def check(make: Callable[[Path, int], Contender], folder: Path, dim: int) -> dict[str, object]:
    """What is there after the kill, and whether the last of it can be found."""
    try:
        contender = make(folder, dim)
        there = contender.count()
        last = there - 1
        found = there > 0 and contender.search(_rows(last, dim, 1)[0], filters(there)["all"])[0] == last
        contender.close()
    except Exception as error:  # whatever a rival says is the result
        return {"opens": False, "there": 0, "error": f"{type(error).__name__}: {error}"[:200]}
    return {"opens": True, "there": there, "last_is_found": bool(found)}


_kept: dict[tuple[int, int], np.ndarray] = {}  # type: ignore[type-arg]


def _rows(begin: int, dim: int, count: int = BATCH) -> np.ndarray:  # type: ignore[type-arg]
    """Entries begin to begin + count, fewer at a chunk's end; the last chunk is kept."""
    number = begin // CHUNK
    if (number, dim) not in _kept:
        _kept.clear()
        _kept[number, dim] = chunk(number, dim)
    return _kept[number, dim][begin % CHUNK :][:count]


def _anonymous() -> int:
    """Bytes of this process that are no mapped file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("task", choices=("enrol", "measure", "write", "check"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--entries", type=int, default=0)
    parser.add_argument("--truth", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
