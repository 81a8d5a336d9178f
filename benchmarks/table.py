"""A result of `python -m benchmarks` as a Markdown page and as a plot of what changed."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Picture

from benchmarks.comparison import Change

Changes = Mapping[tuple[str, str], Change]
WORSE = "**worse**"


def markdown(result: dict[str, Any], changes: Changes) -> str:
    """The figures of all benchmarks, and how each changed."""
    about = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    since = (
        f"Compared with {result['compared_with']}." if result["compared_with"] else "There is nothing to compare with."
    )
    lines = [
        f"# Quick benchmarks, {result['date']}",
        "",
        f"{about['cpu']}, {about['cores']} threads, Python {about['python']}, {packages}; commit {about['commit']}. "
        f"`{result['command']}`, {result['seconds'] / 60:.1f} minutes. {since}",
        "",
        "Median of the runs, and their range. Worse: every run now is worse than any then, the median by 5 % or more.",
        "",
        "| | figure | median | range | then | change | |",
        "|---|---|--:|--:|--:|--:|---|",
        *_rows(result, changes),
    ]
    lines += [f"\nSkipped: {name}, {why}." for name, why in skipped(result)]
    if few := [f"{name} {ran['runs']}" for name, ran in result["benchmarks"].items() if _cut_short(ran, result)]:
        lines.append(f"\nFewer than {result['repeats']} runs, for want of time: {', '.join(few)}.")
    return "\n".join(lines) + "\n"


def skipped(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What did not run and why."""
    return ((name, ran["skipped"]) for name, ran in result["benchmarks"].items() if "skipped" in ran)


def plot(result: dict[str, Any], changes: Changes, file: Path) -> None:
    """Every figure against its value then, in per cent; longer to the right is worse. Without a then: its spread."""
    names, bars, colours = [], [], []
    for name, figure, of in _figures(result):
        values, change = of["values"], changes.get((name, figure))
        sign = 1 if of["better"] == "lower" else -1
        spread = 100 * (max(values) - min(values)) / abs(statistics.median(values) or 1)
        names.append(f"{name}: {figure}")
        bars.append(sign * change.percent if change else spread)
        colours.append("#c8553d" if change and change.worse else "#1b6ca8")
    picture = Picture(figsize=(8, 1 + 0.24 * len(names)), layout="constrained")
    axes = picture.subplots()
    axes.barh(names, bars, color=colours)
    axes.invert_yaxis()
    axes.axvline(0, color="#30343a", linewidth=0.8)
    axes.set_xlabel(
        "per cent worse than the last result (red: beyond the noise)" if changes else "spread of the runs, %"
    )
    axes.tick_params(labelsize=7.5)
    axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(file, dpi=120)


def _cut_short(ran: dict[str, Any], result: dict[str, Any]) -> bool:
    return "runs" in ran and ran["runs"] < result["repeats"]


def _rows(result: dict[str, Any], changes: Changes) -> Iterator[str]:
    for name, figure, of in _figures(result):
        values, change = of["values"], changes.get((name, figure))
        then = (
            f"{number(change.then)} | {change.percent:+.1f} % | {WORSE if change.worse else ''}" if change else " |  | "
        )
        spread = f"{number(min(values))} to {number(max(values))}"
        yield f"| {name} | {figure} | {number(statistics.median(values))} {of['unit']} | {spread} | {then} |"


def _figures(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, ran in result["benchmarks"].items():
        for figure, of in ran.get("figures", {}).items():
            yield name, figure, of


def number(value: float) -> str:
    """Three significant digits, and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
