"""The result as tables for a reader who has to decide, and as plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.machine import in_threads
from benchmarks.pose_at_test.pipelines import STAGES

PAPER_OURS = 0.08
QUERY, BOTH = "pose_on_query_only", "pose_on_query_and_gallery"
_COLOURS = {
    "PGFL-KD": "#1b6ca8",
    "PGFL-KD, plain scan": "#8fbfe0",
    "PGFA": "#c8553d",
    "PVPM": "#d98e04",
    "HOReID": "#a23b72",
    "PCB": "#7a7d81",
    "PGFA w/o pose": "#e8a598",
    "DSR": "#4f3b78",
    "SFR": "#9d7cc1",
}
_LABELLED_LEFT = ("PGFA w/o pose", "PCB", "SFR", "PVPM + HRNet-W48", "PGFA + HRNet-W32")


def markdown(result: dict[str, Any]) -> str:
    """A query and its parts; then what a gallery crop costs."""
    return f"{query_table(result)}\n\n{gallery_table(result)}\n\n{growth_table(result)}\n"


def query_table(result: dict[str, Any]) -> str:
    """One row a method; ratios are against the first method, ResNet-50 in fp32, and beside them the paper's."""
    ours = result["methods"][0]["ms"]["whole"]
    lines = [
        "| method | precision | GMACs | prepare, ms | pose | embed | match | whole, ms | × ours | in paper |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for method in result["methods"]:
        ms, paper = method["ms"], method["paper_seconds"]
        parts = " | ".join(f"{ms[stage]:,.1f}" for stage in STAGES)
        printed = f"{paper / PAPER_OURS:.1f}" if paper else ""
        lines.append(
            f"| {method['name']} | {method['precision']} | {method['gmacs']:.2f} | {parts} | {ms['whole']:,.1f} "
            f"| {ms['whole'] / ours:.2f} | {printed} |"
        )
    return "\n".join(lines)


def gallery_table(result: dict[str, Any]) -> str:
    """fp32 only: memory and enrolment do not differ much otherwise."""
    lines = [
        "| method | a gallery crop's features, kB | enrol it, ms: pose on queries only | pose on both "
        "| all of Occluded-Duke, hours: pose on queries only | pose on both |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for method in result["methods"]:
        if method["precision"] == "fp32":
            enrol, hours = method["enrol_ms"], method["hours"]
            once = " | ".join(f"{value:,.1f}" for value in (enrol[QUERY], enrol[BOTH]))
            kilobytes = f"{method['bytes_per_entry'] / 1000:,.1f}"
            lines.append(f"| {method['name']} | {kilobytes} | {once} | {hours[QUERY]:.2f} | {hours[BOTH]:.2f} |")
    return "\n".join(lines)


def growth_table(result: dict[str, Any]) -> str:
    """Milliseconds of matching by gallery size."""
    grown = result["matching_seconds_by_gallery"]
    sizes = list(next(iter(grown.values())))
    lines = [
        "| matching alone, ms | " + " | ".join(f"{int(size):,} crops" for size in sizes) + " |",
        "|---|" + "--:|" * len(sizes),
    ]
    for name, points in grown.items():
        lines.append(f"| {name} | " + " | ".join(f"{1000 * value:,.2f}" for value in points.values()) + " |")
    return "\n".join(lines)


def batch_table(measured: dict[str, Any]) -> str:
    """JPEG in to embedding out."""
    lines = [
        f"| JPEG to embedding ({measured['device']}) | precision | batch | ms | crops/s | decoding's share |",
        "|---|---|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {r['network']} | {r['precision']} | {r['batch']} | {r['ms']:.1f} | {r['crops_per_second']:.1f} "
        f"| {r['decoding_share']:.0%} |"
        for r in measured["rows"]
    ]
    return "\n".join([*lines, *(f"\nSkipped: {what}." for what in measured["skipped"])])


def plot_latency(result: dict[str, Any], file: Path) -> None:
    """Latency of a query against the arithmetic of its networks, both on log scales."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for method in result["methods"]:
        at, name = (method["gmacs"], method["ms"]["whole"]), method["name"]
        if method["precision"] == "fp16":
            continue  # for GPUs; beside fp32 it only crowds the plot
        ours = method["family"] == "PGFL-KD"
        axes.scatter(*at, color=_COLOURS[method["family"]], s=46, zorder=4 if ours else 3)
        label = name.replace("PGFL-KD,", "ours,") + ("" if method["precision"] == "fp32" else f" {method['precision']}")
        side, shift = ("right", -8) if name in _LABELLED_LEFT else ("left", 8)
        axes.annotate(label, at, xytext=(shift, -3), textcoords="offset points", fontsize=8, ha=side)
    axes.set(xscale="log", yscale="log", xlabel="GMACs of all networks, one query", ylabel="milliseconds a query")
    axes.set_xlim(right=60)
    on = "on a GPU" if result["device"].startswith("CUDA") else in_threads(result["threads"])
    axes.set_title(f"One query: JPEG in, ten best of {result['gallery']:,} out, {on}", fontsize=10)
    _save(figure, file)


def plot_growth(result: dict[str, Any], file: Path) -> None:
    """Matching alone, by gallery size; embedding a query as a line to compare with."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    for name, points in result["matching_seconds_by_gallery"].items():
        sizes = [int(size) for size in points]
        axes.plot(sizes, [1000 * v for v in points.values()], marker="o", color=_COLOURS[name], label=name)
    embed = result["methods"][0]["ms"]["embed"]
    axes.axhline(embed, color="#30343a", linestyle=":", linewidth=1.2, label="embedding a query, ResNet-50 fp32")
    axes.set(xscale="log", yscale="log", xlabel="crops in the gallery", ylabel="milliseconds to match a query")
    axes.set_title(f"Matching one query, {in_threads(result['threads'])}", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    for axes in figure.axes:
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.grid(which="major", color="#e3e6e8", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
