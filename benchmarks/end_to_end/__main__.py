"""Does the service find exactly what the model finds? Market-1501 through HTTP, beside the offline evaluation.

    python -m benchmarks.end_to_end --data MARKET_ROOT [--model FILE] [--queries N] [--json FILE]

Enrols all 19,732 gallery crops over HTTP, searches the queries over HTTP with the whole gallery as answer (junk,
labelled -1, left out by a filter), and computes Rank-1 and mAP from the ranked answers; then evaluates the same ONNX
file offline.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.progress import track

from benchmarks.end_to_end.ranking import Score, score_of
from benchmarks.machine import machine
from benchmarks.serving.servers import our_service
from reid_client import Client, Entry, Search
from service.cpus import usable_cpus
from training.data.datasets import load_dataset
from training.evaluation.embedder import open_model
from training.evaluation.evaluation import embed_dataset, evaluate

JUNK = "-1"
ENROL_BATCH = 64
CLIENTS = 2


class Crop(NamedTuple):
    """person, camera: as in the file name, e.g. 0002 and c1."""

    path: Path
    person: str
    camera: str


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    root = options.data
    gallery, queries = crops_in(root / "bounding_box_test"), crops_in(root / "query")
    chosen = queries if not options.queries else queries[:: max(1, len(queries) // options.queries)]
    depth = ("--max-k", str(len(gallery)), "--deadline-ms", "600000")
    with our_service(sys.executable, options.model, usable_cpus(), *depth) as service:
        enrol_seconds = enrol(service.url, gallery)
        scores, search_seconds = search(service.url, chosen, gallery)
    result = {
        "machine": machine(),
        "command": f"python -m benchmarks.end_to_end --queries {options.queries}",
        "model": options.model.name,
        "gallery": len(gallery),
        "queries": len(chosen),
        "enrolled_crops_per_second": round(len(gallery) / enrol_seconds, 1),
        "searched_crops_per_second": round(len(chosen) / search_seconds, 1),
        "through_http": {
            "rank1": 100 * statistics.fmean(score.first for score in scores),
            "mAP": 100 * statistics.fmean(score.average_precision for score in scores),
        },
        "offline": offline(options.model, root, chosen),
    }
    equal = all(f"{result['through_http'][name]:.4f}" == f"{result['offline'][name]:.4f}" for name in ("rank1", "mAP"))
    result["equal_to_4_decimals"] = equal
    text = json.dumps(result, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return 0 if equal else 1


def crops_in(folder: Path) -> list[Crop]:
    """Market-1501's names: 0002_c1s1_000451_03.jpg."""
    crops = [Crop(path, *path.stem.split("_")[:2]) for path in sorted(folder.glob("*.jpg"))]
    if not crops:
        raise SystemExit(f"error: no .jpg in {folder}; --data names the folder that has bounding_box_test/ and query/")
    return [crop._replace(camera=crop.camera[:2]) for crop in crops]


def enrol(url: str, gallery: Sequence[Crop]) -> float:
    """Seconds to enrol all, from two clients."""

    def send(batch: Sequence[Crop]) -> int:
        entries = [Entry(c.path.stem, c.camera, datetime(2015, 9, 15, tzinfo=UTC), c.person) for c in batch]
        return client.enrol(entries, [c.path for c in batch]).created

    start = time.monotonic()
    with Client(url, timeout_s=300) as client, ThreadPoolExecutor(CLIENTS) as pool:
        batches = [gallery[i : i + ENROL_BATCH] for i in range(0, len(gallery), ENROL_BATCH)]
        stored = sum(track(pool.map(send, batches), "enrolling over HTTP", total=len(batches)))
    if stored != len(gallery):
        raise SystemExit(f"error: {stored} of {len(gallery)} crops were stored")
    return time.monotonic() - start


def search(url: str, queries: Sequence[Crop], gallery: Sequence[Crop]) -> tuple[list[Score], float]:
    """Scores of all queries, and the seconds it took."""
    how = Search(k=len(gallery), where={"not_persons": [JUNK]})
    relevant = Counter((crop.person, crop.camera) for crop in gallery)
    per_person = Counter(crop.person for crop in gallery)

    def ask(crop: Crop) -> Score:
        (matches,) = client.search([crop.path], how)
        right = per_person[crop.person] - relevant[crop.person, crop.camera]
        return score_of(matches, crop.person, crop.camera, right)

    start = time.monotonic()
    with Client(url, timeout_s=300) as client, ThreadPoolExecutor(CLIENTS) as pool:
        scores = list(track(pool.map(ask, queries), "searching over HTTP", total=len(queries)))
    return scores, time.monotonic() - start


def offline(model: Path, root: Path, queries: Sequence[Crop]) -> dict[str, float]:
    """Rank-1 and mAP of the same file and the same queries by `training.evaluation`."""
    dataset = load_dataset("market1501", root)
    names = {crop.path.name for crop in queries}
    kept = tuple(record for record in dataset.query if record.path.name in names)
    embedded = embed_dataset(open_model(model), replace(dataset, query=kept), progress=True)
    metrics = asdict(evaluate(*embedded).results.metrics())
    return {name: metrics[name] for name in ("rank1", "mAP")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Market-1501's folder")
    parser.add_argument("--model", type=Path, default=Path("models/lite0-imagenet.onnx"))
    parser.add_argument("--queries", type=int, default=0, help="about so many of the queries; 0 for all")
    parser.add_argument("--json", type=Path, help="write the result here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
