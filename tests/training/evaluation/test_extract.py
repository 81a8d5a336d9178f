"""Embedding a split: order, length, batches, and what a bad crop or a bad model is told."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from reid_contract import PreprocessSpec
from training.data.records import DatasetError, Record
from training.evaluation.extract import extract
from training.evaluation.metrics import EvaluationError

SPEC = PreprocessSpec(height=16, width=8)


def mean_colour(pixels):
    """A model: the mean colour. It remembers nothing, so the order of its rows is the order of the crops."""
    assert pixels.dtype == np.uint8
    assert pixels.shape[1:] == (16, 8, 3)
    return pixels.mean(axis=(1, 2)).astype(np.float32)


@pytest.fixture
def records(tmp_path):
    colours = np.random.default_rng(0).integers(1, 255, (11, 3))
    made = []
    for i, colour in enumerate(colours):
        path = tmp_path / f"{i:04d}.png"
        Image.new("RGB", (20, 30), tuple(map(int, colour))).save(path)
        made.append(Record(path, 1, 1))
    return made, colours


@pytest.mark.parametrize("batch_size", [1, 4, 11, 64])
def test_rows_are_normalised_and_in_the_order_of_the_records(records, batch_size):
    crops, colours = records
    features = extract(mean_colour, crops, SPEC, batch_size=batch_size, threads=2)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, colours / np.linalg.norm(colours, axis=1, keepdims=True), rtol=1e-5)


def test_a_damaged_crop_is_named(records, tmp_path):
    crops, _ = records
    (tmp_path / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DatasetError, match=r"broken\.png: not an image"):
        extract(mean_colour, [*crops, Record(tmp_path / "broken.png", 1, 1)], SPEC)


def test_an_empty_split_is_refused():
    with pytest.raises(EvaluationError, match="split is empty"):
        extract(mean_colour, [], SPEC)


def test_a_model_that_gives_nonsense_is_refused(records):
    crops, _ = records
    with pytest.raises(EvaluationError, match=r"row 0 has NaN or infinite values \(11 such rows of 11\)"):
        extract(lambda pixels: mean_colour(pixels) * np.nan, crops, SPEC)
    with pytest.raises(EvaluationError, match=r"gave \(2, 3\) for 11 crops"):
        extract(lambda pixels: mean_colour(pixels)[:2], crops, SPEC)
