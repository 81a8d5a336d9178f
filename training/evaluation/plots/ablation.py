"""Ablations and sweeps as plots: every seed a dot, the mean a bar or a line, the paper's figures beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from training.evaluation.ablation import Result
from training.evaluation.plots.style import BLUE, GREY, ORANGE, new_figure, tidy

_LINE = 36  # letters


def draw_ablation(results: Sequence[Result], dataset: str) -> Figure:
    """Two panels, Rank-1 and mAP, one horizontal bar a scheme, and a cross for the paper's figure on Occluded-Duke."""
    titles = [fill(result.row.title, _LINE) for result in results]
    figure = new_figure(9.5, sum(0.42 + 0.18 * title.count("\n") for title in titles) + 1.6)
    places = np.arange(len(results))
    for index, (axes, name) in enumerate(zip(figure.subplots(1, 2, sharey=True), ("Rank-1", "mAP"), strict=True)):
        values = [(result.rank1, result.mAP)[index] for result in results]
        axes.barh(places, [np.mean(v) for v in values], 0.62, color=BLUE, alpha=0.55, label="mean over seeds")
        for place, of_seeds in zip(places, values, strict=True):
            label = "one seed" if place == 0 else None
            axes.plot(of_seeds, np.full(len(of_seeds), place), "o", color=BLUE, markersize=4, label=label)
        paper = [(result.row.paper[index], place) for place, result in enumerate(results) if result.row.paper]
        if paper:
            axes.plot(*zip(*paper, strict=True), "x", color=ORANGE, mew=2, label="paper, on Occluded-Duke")
        axes.set_xlim(0, 100 if max(map(max, values)) > 80 else None)
        tidy(axes, title=f"{name} on {dataset}", x="percent", y="")
    axes.set_yticks(places, titles)
    axes.invert_yaxis()
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return figure


def draw_sweep(results: Mapping[str, Mapping[float, Result]], dataset: str) -> Figure:
    """Fig. 3: Rank-1 and mAP over each loss weight. results: by the weight's name, then by its value."""
    symbols = {"lambda_cl": "$\\lambda_{cl}$", "lambda_mcl": "$\\lambda_{mcl}$"}
    figure = new_figure(4.75 * len(results), 3.6)
    for axes, (weight, of_values) in zip(
        figure.subplots(1, len(results), squeeze=False)[0], results.items(), strict=True
    ):
        places = np.arange(len(of_values))  # evenly spaced: the values are not
        for index, (name, colour) in enumerate((("Rank-1", BLUE), ("mAP", ORANGE))):
            values = [(result.rank1, result.mAP)[index] for result in of_values.values()]
            axes.plot(places, [np.mean(v) for v in values], "-o", color=colour, label=name)
            for place, of_seeds in zip(places, values, strict=True):
                axes.vlines(place, min(of_seeds), max(of_seeds), color=colour, alpha=0.5)
        if 0.25 in of_values:
            axes.axvline(list(of_values).index(0.25), color=GREY, linestyle=":", linewidth=1)
        axes.set_xticks(places, [f"{value:g}" for value in of_values])
        tidy(axes, title=f"{symbols[weight]} on {dataset}", x=symbols[weight], y="percent")
        axes.legend(frameon=False, fontsize="small")
    return figure
