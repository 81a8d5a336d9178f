"""The named starting points of `fit --preset`; any field can be overridden on top."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from training.config import LossConfig, ModelConfig, TrainConfig

Preset = Literal[
    "paper", "ablation-1", "ablation-2", "ablation-3", "ablation-4", "ablation-5", "ablation-6", "table-7", "compact"
]

# Table 6, row by row: (SAB, interaction, multi-part contrastive, FEB, consistent).
TABLE_6 = {
    "ablation-1": (False, False, False, False, False),  # Baseline
    "ablation-2": (True, False, False, False, False),
    "ablation-3": (True, True, False, False, False),
    "ablation-4": (True, True, True, False, False),
    "ablation-5": (True, True, True, True, False),
    "ablation-6": (True, True, True, True, True),  # PGFL-KD
}


def preset(name: str) -> TrainConfig:
    """The configuration of that name. Raises ValueError listing the names there are."""
    if name not in get_args(Preset):
        raise ValueError(f"no preset {name!r}; allowed: {', '.join(get_args(Preset))}")
    if name == "compact":
        return COMPACT
    if name == "table-7":
        return as_table_7(TrainConfig())
    return as_model(TrainConfig(), name) if name in TABLE_6 else TrainConfig()


def as_model(config: TrainConfig, row: str) -> TrainConfig:
    """The same run with the switches of one row of Table 6, such as "ablation-1"."""
    sab, interaction, contrastive, feb, consistent = TABLE_6[row]
    return replace(
        config,
        model=replace(config.model, sab=sab, interaction=interaction, feb=feb),
        loss=replace(config.loss, sab_distillation="contrastive" if contrastive else "none", consistent=consistent),
    )


def as_table_7(config: TrainConfig) -> TrainConfig:
    """The same run with a consistent loss in place of the contrastive one between SAB and MB (Table 7)."""
    return replace(config, loss=replace(config.loss, sab_distillation="consistent"))


COMPACT = TrainConfig(
    model=ModelConfig(
        backbone="tf_efficientnet_lite0", separate_part_stage=True, heatmap_scale=8, attention_temperature=0.3
    ),
    loss=LossConfig(consistent_on="normalised", triplet_on="normalised", branch_weight=0.5),
    height=256,
    width=128,
    growth=("128x64:14", "192x96:10"),
    identities=16,
    images=4,
    epochs=30,
    optimiser="adamw",
    learning_rate=1e-3,
    weight_decay=0.02,
    warmup_epochs=2,
    schedule="cosine",
)
"""EfficientNet-Lite0 at 256×128: trains on a CPU, serves anywhere. Its teachers have a last stage of their own and soft
masks, without which they hold so small a network back (docs/results.md)."""
