"""The contract says what a model learned from, and on which terms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export.command import export_model
from export.provenance import data_terms, initial_terms, training_data
from export.request import Request
from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainConfig
from training.data.datasets.market import MARKET1501
from training.data.holdout import left_out
from training.presets import as_model


def checkpoint_of(config: TrainConfig) -> Checkpoint:
    return Checkpoint(config, classes=751, epoch=18, step=1, weights={})


@pytest.mark.parametrize(
    ("row", "scheme"),
    [
        ("ablation-1", "Baseline"),
        ("ablation-2", "MB+SAB"),
        ("ablation-5", "MB+SAB+FEB"),
        ("ablation-6", "PGFL-KD"),
    ],
)
def test_it_names_the_scheme_that_was_trained(row, scheme):
    said = training_data(checkpoint_of(as_model(TrainConfig(), row)))
    assert said == f"market1501, 751 identities, 18 epochs ({scheme}); initial weights of ImageNet"


def test_it_says_who_was_left_out_for_calibration():
    said = training_data(checkpoint_of(TrainConfig(hold_out=0.1)))
    assert f"market1501, 751 identities, {left_out(0.1)}, 18 epochs" in said
    assert "without" not in training_data(checkpoint_of(TrainConfig()))


def with_weights(weights: str) -> TrainConfig:
    return replace(TrainConfig(), model=replace(TrainConfig().model, weights=weights))


@pytest.mark.parametrize(
    ("config", "said", "terms"),
    [
        (with_weights("none"), "; random initial weights", ""),
        (TrainConfig(), "; initial weights of ImageNet", "ImageNet's images are for non-commercial research"),
        (with_weights("/home/me/faces.pth"), "; initial weights of faces.pth, whose data", "terms apply too"),
        (TrainConfig(start="/home/me/market.pt"), "; started from market.pt, whose data", "terms apply too"),
    ],
)
def test_it_names_what_training_began_from(config, said, terms):
    text = training_data(checkpoint_of(config))
    assert said in text
    assert "/home" not in text + initial_terms(config)
    assert terms in initial_terms(config)
    assert bool(terms) == bool(initial_terms(config))


def test_terms_of_published_data_are_known_by_name():
    assert data_terms("market1501") == MARKET1501.licence
    assert data_terms("csv") == "not stated"


def changed(checkpoint: Path, file: Path, **config: str) -> Path:
    loaded = load_checkpoint(checkpoint)
    save_checkpoint(file, replace(loaded, config=replace(loaded.config, **config)))
    return file


def test_research_only_terms_are_in_the_file_without_asking(checkpoint, tmp_path):
    source = changed(checkpoint, tmp_path / "last.pt", dataset="market1501", start="runs/duke.pt")
    provenance = export_model(Request(str(source), tmp_path / "model.onnx")).provenance
    assert provenance.licence == f"{MARKET1501.licence}; started from duke.pt, whose data and terms apply too"
    assert "started from duke.pt" in provenance.training_data


def test_measuring_on_the_training_data_keeps_what_training_began_from(checkpoint, drawn_people, tmp_path):
    source = changed(checkpoint, tmp_path / "last.pt", start="runs/duke.pt")
    request = Request(str(source), tmp_path / "model.onnx", dataset="synthetic", data=drawn_people)
    licence = export_model(request).provenance.licence
    assert licence == "drawn people, of whom none exists; started from duke.pt, whose data and terms apply too"
