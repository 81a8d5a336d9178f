"""The result as a table for a reader who has to decide, and as a plot of latency against arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

PAPER_OURS = 0.08
_COLOURS = {
    "PGFL-KD": "#1b6ca8",
    "PGFA": "#c8553d",
    "PCB": "#8a8d91",
    "PGFA w/o pose": "#e0a458",
    "DSR": "#6a4c93",
    "SFR": "#9d7cc1",
}


def markdown(result: dict[str, Any]) -> str:
    """One row a method; ratios are against the first method, ResNet-50 in fp32, and beside them the paper's."""
    ours = result["methods"][0]["ms"]["whole"]
    lines = [
        "| method | precision | GMACs | prepare | pose | embed | match | whole, ms | × ours | in paper | bytes/entry |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for method in result["methods"]:
        ms, paper = method["ms"], method["paper_seconds"]
        parts = " | ".join(f"{ms[stage]:.1f}" for stage in ("preprocess", "pose", "embed", "match"))
        printed = f"{paper / PAPER_OURS:.1f}" if paper else ""
        lines.append(
            f"| {method['name']} | {method['precision']} | {method['gmacs']:.2f} | {parts} | {ms['whole']:.1f} "
            f"| {ms['whole'] / ours:.2f} | {printed} | {method['bytes_per_entry']:,} |"
        )
    return "\n".join(lines)


def plot(result: dict[str, Any], file: Path) -> None:
    """Latency of a query against the arithmetic of its networks, both on log scales; matching shown beside."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    for method in result["methods"]:
        left.scatter(method["gmacs"], method["ms"]["whole"], color=_COLOURS[method["family"]], s=46, zorder=3)
        label = method["name"].replace("PGFL-KD, ", "") + (
            "" if method["precision"] == "fp32" else f" {method['precision']}"
        )
        left.annotate(
            label, (method["gmacs"], method["ms"]["whole"]), xytext=(6, 3), textcoords="offset points", fontsize=7.5
        )
    left.set(xscale="log", yscale="log", xlabel="GMACs of the networks, one query", ylabel="milliseconds a query")
    left.set_title("A query, JPEG in to ten matches out", fontsize=10)
    for name, points in result["matching_seconds_by_gallery"].items():
        sizes = [int(size) for size in points]
        colour = _COLOURS[name.split(",")[0].split(" +")[0]]
        right.plot(sizes, [1000 * value for value in points.values()], marker="o", color=colour, label=name)
    right.set(xscale="log", yscale="log", xlabel="crops in the gallery", ylabel="milliseconds to match")
    right.set_title("Matching alone", fontsize=10)
    right.legend(fontsize=8, frameon=False)
    for axes in (left, right):
        axes.grid(which="major", color="#e3e6e8", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=140)
    plt.close(figure)
