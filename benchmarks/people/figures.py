"""`python -m benchmarks.people.figures docs/results.md`: its figures become those of the committed result files.

The models' were written by `python -m training evaluate --json`, those of the claim by `python -m training ablate`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.marks import update

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "market1501"
CLAIM = Path(__file__).parent / "claim"
RIVAL = ROOT / "benchmarks" / "evaluation"
_SETS = {
    "market1501": "Market-1501",
    "occluded-drawn": "its queries behind drawn objects",
    "occluded-patches": "its queries behind patches of other crops",
    "partial": "its queries cut off",
    "cuhk03": "CUHK03, detected boxes, never seen in training",
}


def figures() -> str:
    """Three tables: the models on each data set, the cameras, and Baseline against PGFL-KD."""
    return "\n".join([_models(), _cameras(), _claim()])


def _models() -> str:
    lines = [
        "| queries | | fp32: Rank-1 | mAP | int8: Rank-1 | mAP | retail-0288: Rank-1 | mAP |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, title in _SETS.items():
        files = [MODEL / f"{name}.json", MODEL / f"int8-{name}.json", RIVAL / f"retail-0288-{name}.json"]
        ours = _read(files[0])
        lines.append(f"| {title} | {ours['queries']:,} | {' | '.join(_rates(file) for file in files)} |")
    return "\n".join(lines) + "\n"


def _rates(file: Path) -> str:
    if not file.is_file():
        return "not measured | "
    measured = _read(file)
    return f"{measured['rank1']:.1f} | {measured['mAP']:.1f}"


def _cameras() -> str:
    cameras = _read(MODEL / "market1501.json")["query_cameras"]
    lines = ["| camera of the query | " + " | ".join(cameras) + " |", "|---|" + "--:|" * len(cameras)]
    for name, key, form in (("queries", "queries", ",.0f"), ("Rank-1", "rank1", ".1f"), ("mAP", "mAP", ".1f")):
        lines.append(f"| {name} | " + " | ".join(format(camera[key], form) for camera in cameras.values()) + " |")
    return "\n".join(lines) + "\n"


def _claim() -> str:
    lines = [
        "| queries | scheme | Rank-1 | mAP | mAP of each seed |",
        "|---|---|--:|--:|---|",
        *_schemes("as they are", _read(CLAIM / "results.json")),
        *_schemes("behind drawn objects", _read(CLAIM / "results-occluded.json")),
    ]
    return "\n".join(lines) + "\n"


def _schemes(queries: str, body: dict[str, Any]) -> Iterator[str]:
    for result in body["results"]:
        seeds = ", ".join(f"{value:.1f}" for value in result["mAP"])
        yield f"| {queries} | {result['title']} | {_spread(result['rank1'])} | {_spread(result['mAP'])} | {seeds} |"


def _spread(values: list[float]) -> str:
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def _read(file: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return body


if __name__ == "__main__":
    update(Path(sys.argv[1]), figures())
