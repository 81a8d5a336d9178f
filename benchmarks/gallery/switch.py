"""From how many allowed entries on is the two-stage search faster than a scan of the allowed ones?

    python -m benchmarks.gallery.switch [--dim 2048] [--entries 100000] [--directory DIR]

Times both in turns over shares of the entries, for one query and for 64. tuning.py takes its numbers here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.gallery.clusters import CHUNK
from benchmarks.gallery.enrolment import enrol
from benchmarks.machine import machine
from benchmarks.stopwatch import seconds
from gallery_index.directory import EmbeddedGalleries
from gallery_index.scan import scan_slots
from gallery_index.tuning import Tuning

SHARES = (1 / 512, 1 / 256, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
TWO_STAGES = Tuning(  # never scans
    scan_below=0, scan_share=0.0, batch_scan_share=0.0, two_stage_share=4.0, batch_two_stage_share=4.0
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Scan of the allowed entries against the two-stage search.")
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--entries", type=int, default=100_000, help=f"a multiple of {CHUNK}")
    parser.add_argument("--directory", type=Path, help="kept; without it a temporary one")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="default: switch-DIM-ENTRIES.json beside this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.directory or Path(temporary)
        enrol(directory, options.dim, options.entries)
        rows = measure(directory, options.dim, options.entries, options.rounds)
    result = {"machine": machine(), "dim": options.dim, "entries": options.entries, "milliseconds": rows}
    target = options.json or Path(__file__).with_name(f"switch-{options.dim}-{options.entries}.json")
    target.write_text(json.dumps(result, indent=2) + "\n")
    for row in rows:
        print(row)
    return 0


def measure(directory: Path, dim: int, count: int, rounds: int) -> list[dict[str, float]]:
    galleries = EmbeddedGalleries(directory, tuning=TWO_STAGES)
    storage = galleries.open("bench")._storage  # noqa: SLF001 - measured from inside
    rng = np.random.default_rng(0)
    table = []
    for share in SHARES:
        allowed = np.sort(rng.choice(count, int(share * count), replace=False))
        row: dict[str, float] = {"allowed": len(allowed)}
        for batch in (1, 64):
            # Queries whose own identity is allowed: the others have no near neighbour, and a scan is right for them.
            probes = storage.vectors.rows[allowed[:batch]] + 0.0
            times: dict[str, list[float]] = {"scan": [], "two_stage": []}
            for _ in range(rounds):
                times["scan"].append(seconds(lambda q=probes, a=allowed: scan_slots(storage.vectors.rows, q, 1, a)))
                times["two_stage"].append(seconds(lambda q=probes, a=allowed: storage.engine.nearest(q, 1, a)))
            row |= {f"{name}_{batch}": round(statistics.median(t) * 1e3, 2) for name, t in times.items()}
        table.append(row)
    galleries.close()
    return table


if __name__ == "__main__":
    sys.exit(main())
