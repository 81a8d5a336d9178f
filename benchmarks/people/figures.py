"""`python -m benchmarks.people.figures`: docs/results.md and the model's card get the figures of the result files.

The models' were written by `python -m training evaluate --json`, those of the claim by `python -m training ablate`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.marks import update

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "market1501"
HERE = Path(__file__).parent
CLAIM, RUNS, TEACHERS = HERE / "claim", HERE / "runs", HERE / "teachers"
TRUE_POSE, CONVERGED = HERE / "claim-true-pose", HERE / "converged"
RECIPES = {
    "PGFL-KD, with patches": HERE / "recipe",
    "Baseline, without": HERE / "recipe-baseline",
    "Baseline, with patches, 20 epochs": CONVERGED / "variants",
}
RIVAL = ROOT / "benchmarks" / "evaluation"
_SCHEMES = {"ablation-1/": "Baseline", "ablation-6/": "PGFL-KD"}
_SETS = {
    "market1501": "of Market-1501",
    "occluded-drawn": "the same, behind drawn objects",
    "cuhk03": "of CUHK03, whose cameras it has not seen",
    "drawn": "of drawn people, half hidden",
}


def card() -> str:
    """The models on each data set, the cameras, and what the wrong first ranks are."""
    return f"{_models()}\n{_cameras()}\n{_wrong()}"


def results() -> str:
    """The models on each data set, Baseline against PGFL-KD, the teachers, the recipe's parts, obstacles, runs."""
    return f"{_models()}\n{_claim()}\n{_teachers()}\n{_recipe()}\n{_obstacles()}\n{_runs()}"


def _models() -> str:
    """Rank-1 and mAP on each data set, beside what can be downloaded."""
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


def _wrong() -> str:
    wrong = _read(MODEL / "market1501.json")["wrong_at_rank1"]
    return (
        f"Of {wrong['queries']:,} wrong first ranks, {wrong['on_the_query_camera']:,} are other people on the query's "
        f"own camera, which a search that leaves it out (`not_cameras`) cannot answer, and {wrong['distractors']:,} "
        "are distractors.\n"
    )


def _claim() -> str:
    """Of real people with estimated key points, then of drawn ones, whose key points are known."""
    cases = [
        (f"{trained} | {queries}", folder / file)
        for trained, folder in (
            ("a quarter of the persons, 8 epochs at 128×64, teachers see the crop unhidden", HERE / "unhidden"),
            ("the same, twice the epochs", HERE / "unhidden-longer"),
            ("the same, heat maps times 0", HERE / "unhidden-without-pose"),
            ("the same, Table 6 row by row, one seed", HERE / "unhidden-table-6"),
            ("half of the persons, 20 epochs to 256×128, with patches", CONVERGED / "claim"),
            ("a quarter of them, 8 epochs at 128×64, with patches, one trunk", CLAIM),
            ("the same without patches", HERE / "claim-without-patches"),
        )
        for queries, file in (("as they are", "results.json"), ("behind drawn objects", "results-occluded.json"))
    ]
    cases += [
        (f"drawn people, true key points, {epochs} epochs | half hidden", TRUE_POSE / f"results-{epochs}.json")
        for epochs in (12, 40)
    ]
    lines = [
        "| trained | queries | scheme | Rank-1 | mAP | mAP of each seed |",
        "|---|---|---|--:|--:|---|",
        *(line for case, file in cases for line in _schemes(case, _read(file))),
    ]
    return "\n".join(lines) + "\n"


def _schemes(queries: str, body: dict[str, Any]) -> Iterator[str]:
    for result in body["results"]:
        seeds = ", ".join(f"{value:.1f}" for value in result["mAP"])
        title = "1 Baseline" if result["name"] == "unchanged" else result["title"]
        yield f"| {queries} | {title} | {_spread(result['rank1'])} | {_spread(result['mAP'])} | {seeds} |"


def _teachers() -> str:
    """The feature that is deployed beside those of the branches that taught it, which see the key points at test."""
    lines = ["| key points at test | f_G: Rank-1 | mAP | f_E: Rank-1 | mAP | f_V: Rank-1 | mAP |", "|---|" + "--:|" * 6]
    for title, run in (
        ("teachers apart, 26 epochs", "apart"),
        ("first run, 18 epochs", "first"),
        ("the short claim's, seed 0", "claim-0"),
        ("seed 1", "claim-1"),
    ):
        cells = (_rates(TEACHERS / f"{run}-{feature}.json") for feature in "gev")
        lines.append(f"| estimated, behind drawn objects: {title} | {' | '.join(cells)} |")
    for run in ("128x64-12-0", "128x64-12-1", "128x64-12-2", "128x64-40-0", "256x128-12-0"):
        size, epochs, seed = run.split("-")
        features = _read(TRUE_POSE / f"teachers-{run}.json")["features"]
        cells = (f"{features[name]['rank1']:.1f} | {features[name]['mAP']:.1f}" for name in "gev")
        lines.append(
            f"| true, drawn people: {size.replace('x', '×')}, {epochs} epochs, seed {seed} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def _recipe() -> str:
    """Each change: Rank-1 and mAP, and how far they are from the unchanged budget's."""
    lines = [
        "| budget | change | as they are: Rank-1 | mAP | behind drawn objects: Rank-1 | mAP |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for budget, folder in RECIPES.items():
        bodies = [_read(folder / name)["results"] for name in ("results.json", "results-occluded.json")]
        for row in zip(*bodies, strict=True):
            cells = [
                _beside(result[key], body[0][key])
                for result, body in zip(row, bodies, strict=True)
                for key in ("rank1", "mAP")
            ]
            lines.append(f"| {budget} | {row[0]['title']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _beside(values: list[float], unchanged: list[float]) -> str:
    value, base = statistics.fmean(values), statistics.fmean(unchanged)
    return f"{value:.1f}" if values == unchanged else f"{value:.1f} ({value - base:+.1f})"


def _obstacles() -> str:
    """Fig. 4 as a number."""
    lines = [
        "| response, 0 to 1 | runs | on the object | beside it | at its place, without it |",
        "|---|--:|--:|--:|--:|",
    ]
    for crops, file in (
        ("Market-1501's queries behind drawn objects", "obstacles-market1501.json"),
        ("drawn people behind one more drawn object", "obstacles-drawn.json"),
    ):
        runs = _read(HERE / file)["runs"]
        for scheme, title in _SCHEMES.items():
            chosen = [run for name, run in runs.items() if name.startswith(scheme)]
            cells = (
                f"{statistics.fmean(run[key] for run in chosen):.3f}"
                for key in ("on_the_object", "beside_it", "there_without_it")
            )
            lines.append(f"| {crops}: {title} | {len(chosen)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _runs() -> str:
    """The runs that shipped before, and those that this one is made of."""
    names = ["market1501", "occluded-drawn", "cuhk03"]
    lines = [
        f"| run | {' | '.join(f'{_SETS[name]}: Rank-1 | mAP' for name in names)} |",
        "|---|" + "--:|--:|" * len(names),
    ]
    for title, folder in (
        ("first: 18 epochs, `--augment.occlude 0.3`", RUNS / "first"),
        ("from the first: 19 more, and `--augment.light 0.15`", RUNS / "light"),
        ("from the first: 4 more, `--augment.occlude 0`", RUNS / "second"),
        ("from that: 8 more", RUNS / "third"),
        ("from that: 8 more; shipped first", RUNS / "fourth"),
        ("anew: 26 epochs, teachers apart, no patches", RUNS / "fifth"),
        ("from that: 2 more, `--augment.occlude 0.3`", RUNS / "sixth"),
        ("half way between these two; ships", MODEL),
    ):
        lines.append(f"| {title} | {' | '.join(_rates(folder / f'{name}.json') for name in names)} |")
    return "\n".join(lines) + "\n"


def _spread(values: list[float]) -> str:
    mean = f"{statistics.fmean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _read(file: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return body


if __name__ == "__main__":
    update(ROOT / "docs" / "results.md", results())
    update(ROOT / "models" / "market1501.md", card())
