"""`python -m benchmarks.gallery.figures docs/gallery.md`: its figures become those of the results here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.marks import update

HERE = Path(__file__).parent
_HEAD = (
    "| allowed | recall@10 | one query, ms | the first one, ms | exact, ms | faster "
    "| 64 queries, ms | exact, ms | faster |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def figures() -> str:
    """A section for each size that was measured, and the times that the choice between the two searches rests on."""
    results = _by_size("gallery-*.json")
    switch, real = _read(HERE / "switch-2048-100000.json"), _read(HERE / "real.json")
    return "\n".join([*map(_gallery, results), _elsewhere(), _switch(switch), _real(real)])


def _read(file: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return result


def _by_size(pattern: str) -> list[dict[str, Any]]:
    return sorted(map(_read, HERE.glob(pattern)), key=lambda result: (result["entries"], -result["dim"]))


def _gallery(result: dict[str, Any]) -> str:
    entries, dim = result["entries"], result["dim"]
    enrolled = result["enrolled_per_second"]
    rows = [_row("all", result["unfiltered"])]
    rows += [_row(name.removeprefix("filter "), row) for name, row in result.items() if name.startswith("filter ")]
    lines = [
        f"**{entries:,} entries of {dim} dimensions** (`python -m benchmarks.gallery --dim {dim} --entries {entries}`; "
        f"{_machine(result)}). Exact is {result['baseline']}, unfiltered in every row.\n",
        _HEAD,
        *rows,
        "",
        f"Opened from its snapshot in {result['open_seconds']:.2f} s; {result['resident_mib_beyond_page_cache']} MiB "
        "resident beyond the page cache"
        + (f"; enrolled durably in batches of 256 at {enrolled:,} entries a second.\n" if enrolled else ".\n"),
    ]
    return "\n".join(lines)


def _elsewhere() -> str:
    """The same commands on other machines, of the commit that each result names: unfiltered, a row for each."""
    lines = [
        "**On other machines** (the same commands, unfiltered; measured at the commit named):\n",
        "| machine | entries | dimensions | recall@10 | one query, ms | exact, ms | faster | 64 queries, ms "
        "| exact, ms | faster | opens, s | MiB | enrolled/s |",
        "|---|" + "--:|" * 12,
    ]
    for result in _by_size("elsewhere/*.json"):
        row = result["unfiltered"]
        lines.append(
            f"| {_machine(result)}, {result['machine']['commit']} | {result['entries']:,} | {result['dim']} "
            f"| {row['recall_at_10']:.3f} "
            f"| {row['one_query_ms']} | {row['one_query_exact_ms']} | {row['one_query_faster']} "
            f"| {row['batch_of_64_ms']} | {row['batch_of_64_exact_ms']} | {row['batch_of_64_faster']} "
            f"| {result['open_seconds']:.2f} | {result['resident_mib_beyond_page_cache']} "
            f"| {result['enrolled_per_second']:,} |"
        )
    return "\n".join(lines) + "\n"


def _row(name: str, row: dict[str, float]) -> str:
    return (
        f"| {name} | {row['recall_at_10']:.3f} | {row['one_query_ms']} | {row['first_query_after_other_work_ms']} "
        f"| {row['one_query_exact_ms']} | {row['one_query_faster']} | {row['batch_of_64_ms']} "
        f"| {row['batch_of_64_exact_ms']} | {row['batch_of_64_faster']} |"
    )


def _switch(result: dict[str, Any]) -> str:
    lines = [
        f"**Scan of the allowed against the two stages**, ms, of {result['entries']:,} entries of {result['dim']} "
        f"dimensions (`python -m benchmarks.gallery.switch`; {_machine(result)}):\n",
        "| allowed | one query: scan | two stages | 64 queries: scan | two stages |",
        "|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row['allowed']:,} | {row['scan_1']} | {row['two_stage_1']} | {row['scan_64']} | {row['two_stage_64']} |"
        for row in result["milliseconds"]
    ]
    return "\n".join(lines) + "\n"


def _real(result: dict[str, Any]) -> str:
    both = result["sure_within_candidates"], result["own_person_filtered_out"]["sure_within_candidates"]
    lines = [
        f"**Real embeddings** (`python -m benchmarks.gallery.real`, `{result['model']}`): the {result['entries']:,} "
        f"entries and {result['queries']:,} queries of {result['dataset']}; for how many of them the two "
        "stages are sure, and how many of their ten best are those of an exact scan:\n",
        "| candidates | sure | recall@10 of those | sure, own person filtered out | recall@10 of those |",
        "|--:|--:|--:|--:|--:|",
    ]
    for candidates in both[0]:
        cells = [f"{half[candidates]['sure']:,} | {half[candidates]['recall_of_those']:.6f}" for half in both]
        lines.append(f"| {int(candidates):,} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _machine(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, faiss {machine['packages']['faiss-cpu']}"


if __name__ == "__main__":
    update(Path(sys.argv[1]), figures())
