"""The preset `compact` as Fig. 2 of the paper draws the network: one trunk for all branches, and sharp masks.

Most of what is measured here is of this; the preset itself has its teachers on a last stage of their own by now, whose
price a step shows.
"""

from __future__ import annotations

from dataclasses import replace

from training.presets import COMPACT

ONE_TRUNK = replace(
    COMPACT,
    model=replace(COMPACT.model, separate_part_stage=False, heatmap_scale=20, attention_temperature=0.1),
    loss=replace(COMPACT.loss, branch_weight=1.0),
)
