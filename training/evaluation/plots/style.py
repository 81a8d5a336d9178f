"""How all plots look: one palette that colour-blind readers can tell apart, light grids, no frames."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8A8A"  # Okabe and Ito
_DPI = 160


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that is drawn without a display."""
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Axes, *, title: str, x: str, y: str) -> None:
    """Title, labels, a light grid behind the data, and only the two axis lines."""
    axes.set_title(title, fontsize="medium", loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, file: Path) -> None:
    """Writes the figure, by its suffix as PNG, SVG or PDF, and makes its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=_DPI)
