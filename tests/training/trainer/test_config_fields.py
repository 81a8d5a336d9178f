"""Configurations: the paper's values, the presets, and overrides from the command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from training.config import LossConfig, ModelConfig, TrainConfig
from training.data.augment import AugmentConfig
from training.fields import fields, from_dict, override
from training.presets import preset
from training.reference import updated


def test_paper_preset_is_section_4_2() -> None:
    config = preset("paper")
    assert (config.model.backbone, config.height, config.width) == ("resnet50", 384, 128)
    assert (config.identities, config.images, config.epochs) == (4, 16, 120)
    assert (config.optimiser, config.learning_rate, config.milestones) == ("adam", 3.5e-4, (30, 70))
    assert (config.loss.lambda_cl, config.loss.lambda_mcl) == (0.25, 0.25)
    assert preset("ablation-6") == config


def test_unknown_preset_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match="no preset 'big'; allowed: paper, ablation-1"):
        preset("big")


def test_overrides_reach_nested_fields_of_every_kind() -> None:
    texts = {
        "model.backbone": "resnet18",
        "model.feb": "false",
        "loss.triplet": "soft-margin",
        "loss.margin": "0.5",
        "augment.erase_area": "0.1,0.2",
        "growth": "128x64:3,192x96:2",
        "milestones": "5,9",
        "epochs": "7",
        "model.last_stride": "2",
    }
    config = override(TrainConfig(), texts)
    assert (config.model.backbone, config.model.feb, config.model.last_stride) == ("resnet18", False, 2)
    assert (config.loss.triplet, config.loss.margin) == ("soft-margin", 0.5)
    assert config.augment.erase_area == (0.1, 0.2)
    assert (config.milestones, config.epochs) == ((5, 9), 7)
    assert [config.size_at(epoch) for epoch in (0, 2, 3, 4, 5, 99)] == [
        (128, 64), (128, 64), (192, 96), (192, 96), (384, 128), (384, 128),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epochs", "many", "--epochs is 'many'; allowed: int"),
        ("model.feb", "maybe", "--model.feb is 'maybe'; allowed: true|false"),
        ("loss.triplet", "hard", "--loss.triplet is 'hard'; allowed: margin|soft-margin"),
        ("milestones", "3,x", "--milestones is '3,x'; allowed: int,…"),
        ("growth", "128:3", "growth has '128:3'; allowed: HEIGHTxWIDTH:EPOCHS"),
        ("epochs", "0", "epochs is 0; allowed: above 0"),
        ("images", "1", "4 identities × 1 images has no triplets"),
        ("ema", "1", "ema is 1.0; allowed: 0"),
        ("loss.temperature", "0", "temperature is 0.0; allowed: above 0"),
        ("loss.label_smoothing", "1", "label_smoothing is 1.0; allowed: 0 to below 1"),
        ("model.colour", "red", "no option --model.colour; there are model.backbone"),
    ],
)
def test_bad_overrides_name_the_field(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("|", r"\|")):
        override(TrainConfig(), {name: text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"weight_decay": "nan"}, "weight_decay is nan; allowed: 0 or more"),
        ({"learning_rate": "inf"}, "learning_rate is inf; allowed: above 0"),
        ({"loss.margin": "nan"}, "margin is nan; allowed: 0 or more"),
        ({"augment.erase_fill": "2,0,0"}, "erase_fill is .*; allowed: three numbers from 0 to 1"),
        ({"pose": "online", "growth": "100x50:1"}, "the input is 100×50; allowed for pose=online: multiples of 32"),
    ],
)
def test_numbers_that_would_train_nothing(text: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        override(TrainConfig(), text)


def test_json_round_trip() -> None:
    config = override(preset("compact"), {"growth": "128x64:1"})
    assert from_dict(TrainConfig, json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_every_field_says_what_it_is() -> None:
    listed = list(fields(TrainConfig()))
    kinds = (ModelConfig, LossConfig, AugmentConfig, TrainConfig)
    assert len(listed) == sum(len(dataclasses.fields(kind)) for kind in kinds) - 3
    assert not [f.name for f in listed if not f.help]


def test_the_documentation_lists_every_field_as_it_is() -> None:
    """`python -m training.reference docs/training.md` brings it up to date."""
    document = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    assert "`--model.backbone`" in document
    assert updated(document) == document
