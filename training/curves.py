"""A run's log as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw_curves(log: Sequence[dict[str, Any]], file: Path) -> None:
    """Loss terms, accuracy on the test split where it was measured, and the learning rate over epochs, as a PNG.

    log: lines of log.jsonl; those with "losses" are of training, those with "metrics" of evaluation.
    """
    trained = [line for line in log if "losses" in line]
    tested = [line for line in log if "metrics" in line]
    figure = Figure(figsize=(12, 4), layout="constrained")
    losses, accuracy, rate = figure.subplots(1, 3)
    for name in trained[-1]["losses"] if trained else ():
        losses.plot(_epochs(trained), [line["losses"][name] for line in trained], marker=".", label=name)
    for name, label in (("mAP", "mAP"), ("rank1", "Rank-1")):
        accuracy.plot(_epochs(tested), [line["metrics"][name] for line in tested], marker=".", label=label)
    rate.plot(_epochs(trained), [line["learning_rate"] for line in trained], marker=".", label="at the epoch's end")
    titles = {losses: "loss terms, before their weights", accuracy: "test split, %", rate: "learning rate"}
    for axes, title in titles.items():
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if axes.lines and axes.lines[0].get_xdata().size:
            axes.legend(fontsize="small")
    figure.savefig(file, dpi=120)


def _epochs(lines: Sequence[dict[str, Any]]) -> list[int]:
    return [line["epoch"] for line in lines]
