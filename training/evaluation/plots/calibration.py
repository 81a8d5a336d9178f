"""A calibration in two plots: does it hold (reliability), and what do its thresholds cost (ROC)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from reid_contract import Calibration, Threshold
from training.evaluation.calibration import Reliability, roc
from training.evaluation.pairs import PairHistogram
from training.evaluation.plots.style import BLUE, GREEN, GREY, ORANGE, RED, new_figure, tidy

_HISTOGRAM_BINS = 100


def draw_reliability(calibration: Calibration, pairs: PairHistogram, held: Reliability) -> Figure:
    """Left: the two kinds of pairs by cosine, with the map. Right: promised against found, on pairs not fitted on."""
    figure = new_figure(9.5, 4.2)
    scores, promises = figure.subplots(1, 2, width_ratios=[1.25, 1])
    for counts, colour, label in ((pairs.different, GREY, "two persons"), (pairs.same, GREEN, "one person")):
        coarse = counts.reshape(_HISTOGRAM_BINS, -1).sum(axis=1) / counts.sum()
        left = np.linspace(-1, 1, _HISTOGRAM_BINS, endpoint=False)
        scores.bar(left, coarse, 2 / _HISTOGRAM_BINS, align="edge", color=colour, alpha=0.55, label=f"pairs of {label}")
    tidy(scores, title="Pairs by cosine, and the map", x="cosine", y="share of the pairs of its kind")
    occupied = pairs.centres[(pairs.same + pairs.different) > 0]
    scores.set_xlim(occupied[0] - 0.02, min(occupied[-1] + 0.02, 1))
    scores.set_ylim(0, 1.3 * scores.get_ylim()[1])  # room for the legend
    right = scores.twinx()
    fine = np.linspace(-1, 1, 2001)
    right.plot(fine, calibration.probability(fine), color=BLUE, linewidth=2, label="probability of one person")
    right.set_ylim(0, 1.02)
    right.set_ylabel("probability", color=BLUE)
    right.spines[["top"]].set_visible(False)
    handles = [*scores.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    scores.legend(handles=handles, fontsize="small", loc="upper left", frameon=False)

    promises.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    promises.plot(held.promised, held.found, color=BLUE, linewidth=1)
    promises.scatter(
        held.promised, held.found, s=20 + 400 * held.share, color=BLUE, alpha=0.8, label="area: share of pairs"
    )
    title = f"Reliability on persons not fitted on, ECE {held.error:.3f}"
    tidy(promises, title=title, x="promised probability", y="share found to be one person")
    promises.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    legend = promises.legend(fontsize="small", loc="upper left", frameon=False)
    for handle in legend.legend_handles[1:]:
        handle.set_sizes([40])
    return figure


def draw_roc(pairs: PairHistogram, thresholds: Sequence[Threshold]) -> Figure:
    """True-match rate over false-match rate, the latter on a logarithmic axis, with the thresholds marked."""
    figure = new_figure(5.6, 4.2)
    axes = figure.subplots()
    false_rate, true_rate, _ = roc(pairs)
    seen = false_rate > 0
    axes.plot(false_rate[seen], true_rate[seen], color=BLUE, linewidth=2)
    for threshold, colour in zip(thresholds, (GREEN, ORANGE, RED), strict=False):
        axes.axvline(threshold.false_match_rate, color=colour, linewidth=0.8, linestyle=":")
        axes.plot(
            threshold.false_match_rate,
            threshold.true_match_rate,
            "o",
            color=colour,
            label=f"cosine ≥ {threshold.score:.3f}: {threshold.true_match_rate:.1%} at {threshold.false_match_rate:g}",
        )
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(max(1e-6, false_rate[seen].min()), 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    tidy(axes, title="Matches found at a false-match rate", x="false-match rate", y="true-match rate")
    if thresholds:
        title = "true-match rate at false-match rate"
        axes.legend(fontsize="small", frameon=False, title=title, title_fontsize="small")
    return figure
