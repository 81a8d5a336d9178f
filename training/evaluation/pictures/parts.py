"""Channel groups of the main branch and body parts, as a picture of crops and as a plot of all answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from training.data.records import Record
from training.evaluation.pictures.responses import overlay, shown
from training.evaluation.pictures.sheet import Cell, sheet
from training.evaluation.plots.style import new_figure
from training.pose.groups import GROUPS

PARTS = tuple(GROUPS)


def draw_group_responses(records: Sequence[Record], responses: Tensor) -> Image.Image:
    """A row for each crop: itself, then the responses (N, K, h, w) of each channel group over it."""
    rows = [
        [Cell(shown(record)), *(Cell(overlay(shown(record), response)) for response in groups.numpy())]
        for record, groups in zip(records, responses, strict=True)
    ]
    columns = ["crop", *(part.replace(" ", "\n", 1) for part in PARTS)]
    note = "Response of the K = 8 channel groups of F, by the body part that group is taught."
    return sheet(rows, columns=columns, note=note)


def draw_part_answers(answers: NDArray[np.float32], title: str) -> Figure:
    """answers: (K groups, K parts) of `part_answers`; red where a group answers to a part more than the others do."""
    figure = new_figure(7.2, 5.8)
    axes = figure.subplots()
    spread = max(float(np.nanmax(np.abs(answers - 1))), 0.01)
    image = axes.imshow(answers, cmap="RdBu_r", vmin=1 - spread, vmax=1 + spread)
    middle = 0.6 * spread
    for group, part in np.ndindex(*answers.shape):
        value = answers[group, part]
        text = "not seen" if np.isnan(value) else f"{value:.2f}"
        colour = "white" if abs(value - 1) > middle else "black"
        axes.text(part, group, text, ha="center", va="center", fontsize="small", color=colour)
    axes.set_xticks(range(len(PARTS)), PARTS, rotation=35, ha="right")
    axes.set_yticks(range(len(PARTS)), [f"group of {part}" for part in PARTS])
    axes.set_xlabel("body part on the crop")
    axes.set_ylabel("channel group")
    axes.spines[:].set_visible(False)
    axes.set_title(f"{title}\n{_summary(answers)}", fontsize="medium", loc="left")
    figure.colorbar(image, label="response there / mean over groups", shrink=0.85)
    return figure


def _summary(answers: NDArray[np.float32]) -> str:
    there = [k for k in range(len(PARTS)) if not np.isnan(answers[:, k]).any()]
    strongest = sum(int(np.argmax(answers[:, k])) == k for k in there)
    return f"its own group answers most to {strongest} of {len(there)} parts; by chance {len(there) / len(PARTS):.0f}"
