"""The result as a Markdown table and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

TARGET_STEP, TARGET_SHARE, TARGET_WAIT = 1.15, 0.9, 0.03


def markdown(result: dict[str, Any]) -> str:
    """Three tables: steps, online pose, real batches."""
    lines = [
        "# What a training step costs\n",
        f"{result['machine']['cpu']}, one thread; commit {result['machine']['commit']}.",
        "Ratios of CPU seconds, medians over paired rounds; written by `python -m benchmarks.training`.\n",
        "| backbone, input, batch, teachers "
        f"| PGFL-KD / Baseline (on one trunk at most {TARGET_STEP}) | bare backbone / PGFL-KD |",
        "|---|--:|--:|",
    ]
    for step in result["steps"]:
        name = f"{step['backbone']}, {step['size'][0]}×{step['size'][1]}, {step['batch']}, {step['teachers']}"
        lines.append(f"| {name} | {step['pgflkd_to_baseline']:.3f} | {step['bare_to_pgflkd']:.3f} |")
    online = result["online_pose"]
    lines += [
        "\nBare is forward and backward of the backbone alone, without heads, losses, update.\n",
        f"| key points ({online['backbone']}, {online['size'][0]}×{online['size'][1]}) | step / Baseline's step |",
        "|---|--:|",
        f"| from the cache | {online['cached']:.2f} |",
        f"| MoveNet Thunder in every step | {online['movenet']:.2f} |",
        f"| HRNet-W48 in every step | {online['hrnet-w48']:.2f} |",
    ]
    if "pipeline" in result:
        lines += [
            "\nReal batches of Market-1501, `compact` with one trunk, augmentation and heat maps included:\n",
            "| input | crops per CPU second | bare backbone's | share (at least 0.9) | waiting for data (under 3 %) |",
            "|---|--:|--:|--:|--:|",
        ]
        lines += [_pipeline_row(row) for row in result["pipeline"]]
    return "\n".join(lines) + "\n"


def plot(result: dict[str, Any], file: Path) -> None:
    """Steps relative to the Baseline's, as bars."""
    online = result["online_pose"]
    bars = {
        f"{s['backbone']}\n{s['size'][0]}×{s['size'][1]}, {s['teachers']}": s["pgflkd_to_baseline"]
        for s in result["steps"]
    }
    bars |= {"MoveNet online": online["movenet"], "HRNet-W48 online": online["hrnet-w48"]}
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(bars), list(bars.values()), color=["#2a6f97"] * len(result["steps"]) + ["#b56576"] * 2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.axvline(TARGET_STEP, color="grey", linestyle="--", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("training step of PGFL-KD / step of the Baseline (dashed: target)")
    for place, value in enumerate(bars.values()):
        axes.text(value, place, f" {value:.2f}", va="center")
    figure.savefig(file, dpi=120)


def _pipeline_row(row: dict[str, Any]) -> str:
    return (
        f"| {row['size'][0]}×{row['size'][1]} | {row['crops_per_cpu_second']} | {row['bare_crops_per_cpu_second']} "
        f"| {row['share_of_bare']:.3f} | {100 * row['waited_share']:.3f} % |"
    )
