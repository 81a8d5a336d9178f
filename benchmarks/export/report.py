"""The result file as a table and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def markdown(result: dict[str, Any]) -> str:
    lines = [
        "| network | precision | size | a crop | throughput | worst cosine | kept in fp32 |",
        "| --- | --- | --: | --: | --: | --: | --- |",
    ]
    for network in result["networks"]:
        lines += [
            f"| {network['network']} | {row['precision']} | {row['bytes'] / 1e6:.1f} MB "
            f"| {row['milliseconds_a_crop']:.1f} ms | {row['times_fp32_throughput']:.2f}× "
            f"| {row['worst_cosine']:.5f} | {row['kept_in_fp32'] or '–'} |"
            for row in network["files"]
        ]
    costs = [
        f"{n['network']}: {n['parameters'] / 1e6:.2f} M parameters, {n['multiply_accumulates'] / 1e9:.2f} GMACs, "
        f"fp32 at {n['fp32_share_of_matrix_product_peak']:.2f} of the matrix-product peak"
        for n in result["networks"]
    ]
    return "\n".join([*lines, "", *costs])


def plot(result: dict[str, Any], file: Path) -> None:
    """Throughput against fp32, one group of bars a network."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots(1, len(result["networks"]), sharey=True)
    for panel, network in zip(axes, result["networks"], strict=True):
        rows = network["files"]
        bars = panel.bar([r["precision"] for r in rows], [r["times_fp32_throughput"] for r in rows], color="#3b6ea5")
        panel.bar_label(bars, [f"{r['bytes'] / 1e6:.1f} MB" for r in rows], fontsize=8)
        panel.set_title(network["network"], fontsize=10)
        panel.axhline(1, color="grey", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(y=0.15)
    axes[0].set_ylabel("throughput, times fp32")
    figure.savefig(file, dpi=120)
