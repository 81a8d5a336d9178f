"""`python -m training calibrate` on drawn people: the JSON, the plots, and the contract of a real exported file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import pytest
from PIL import Image

from reid_contract import Calibration, EmbeddingSpec
from training.__main__ import main
from training.data.holdout import held_out
from training.data.records import Dataset, DatasetError, Record
from training.data.synthetic import draw_dataset
from training.evaluation.onnx_model import OnnxModel
from training.evaluation.validation import SEEN_IN_TRAINING, UNCONFIRMED, validation_split

SHIPPED = Path(__file__).parents[3] / "models" / "lite0-imagenet.onnx"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn")
    draw_dataset(out, people=16, cameras=4, sightings_per_person=6, train_share=0.75, height=64, width=32)
    return out


@pytest.fixture
def model(tmp_path):
    return shutil.copy(SHIPPED, tmp_path / "model.onnx")


def calibrate(model, drawn, output, *more):
    arguments = ["calibrate", model, "--dataset", "synthetic", "--data", drawn, "--output", output, "--threads", "1"]
    return main([str(argument) for argument in (*arguments, *more)])


def graph(file):
    return onnx.load(file).graph.SerializeToString(deterministic=True)


def test_the_exported_file_answers_how_sure_and_keeps_its_weights(drawn, model, tmp_path, capsys):
    before, metadata = graph(model), OnnxModel(model, threads=1).embedding
    assert calibrate(model, drawn, tmp_path / "out", "--write") == 0
    body = json.loads((tmp_path / "out" / "calibration.json").read_text())
    embedding: EmbeddingSpec = OnnxModel(model, threads=1).embedding
    assert graph(model) == before
    assert embedding.model_id == metadata.model_id
    assert isinstance(embedding.calibration, Calibration)
    assert list(embedding.calibration.probabilities) == body["probabilities"]
    assert "synthetic: training split, all persons; 12 persons" in embedding.calibration.source
    assert "| 0.01 |" in capsys.readouterr().out
    for plot in ("reliability.png", "roc.png"):
        with Image.open(tmp_path / "out" / plot) as picture:
            assert picture.width > 500
    assert calibrate(model, drawn, tmp_path / "again", "--write") == 0  # a calibration may be replaced
    assert graph(model) == before


def test_without_write_the_file_stays_as_it_was(drawn, model, tmp_path):
    before = Path(model).read_bytes()
    assert calibrate(model, drawn, tmp_path / "out", "--held-out", "0.5", "--match-share", "0.1") == 0
    assert Path(model).read_bytes() == before
    body = json.loads((tmp_path / "out" / "calibration.json").read_text())
    assert body["match_share"] == 0.1
    assert "held-out persons (0.5), which the model does not confirm" in body["source"]


@pytest.mark.parametrize(
    ("trained_on", "split", "doubt"),
    [
        ("Market-1501, 12,936 crops of 751 persons; 18 epochs", None, SEEN_IN_TRAINING),
        ("somebody's people", None, None),
        ("market1501", 0.5, UNCONFIRMED),
        ("market1501, without 0.5 of its persons", 0.5, None),
        ("market1501, without 0.2 of its persons", 0.5, UNCONFIRMED),
        ("market1501, without 0.5 of its persons; started from first.pt", 0.5, UNCONFIRMED),
    ],
)
def test_what_was_calibrated_on_is_told_as_it_is(trained_on, split, doubt):
    records = tuple(Record(Path(f"{person}.jpg"), person, 1) for person in range(1, 40))
    source = validation_split(Dataset("market1501", records, (), (), "research"), "train", split, trained_on).source
    assert [text for text in (SEEN_IN_TRAINING, UNCONFIRMED) if text in source] == ([doubt] if doubt else [])


def test_calibrating_on_the_test_split_is_said_aloud(drawn, model, tmp_path, capsys):
    assert calibrate(model, drawn, tmp_path / "out", "--split", "test") == 0
    assert "warning: calibrating on the synthetic, synthetic: test split" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--split", "test", "--held-out", "0.1"], "does not go with --split test"),
        (["--match-share", "0"], "match_share is 0.0; allowed"),
        (["--held-out", "1.5"], "the share of persons to hold out is 1.5; allowed"),
        (["--held-out", "0.000001"], "leaves"),
    ],
)
def test_bad_input_is_one_clear_line(drawn, model, tmp_path, capsys, more, message):
    assert calibrate(model, drawn, tmp_path / "out", *more) == 1
    assert message in capsys.readouterr().err


def test_only_an_onnx_file_can_be_written_into(drawn, tmp_path, capsys):
    assert calibrate(tmp_path / "last.pt", drawn, tmp_path / "out", "--write") == 1
    assert "--write needs an .onnx file" in capsys.readouterr().err


def test_holding_out_moves_nobody_when_others_come_or_the_share_grows():
    crops = [Record(Path(f"{person}_{i}.png"), person, i) for person in range(1, 301) for i in range(2)]
    kept, out = held_out(crops, 0.2)
    assert {*kept, *out} == set(crops)
    assert not {r.person_id for r in kept} & {r.person_id for r in out}
    assert len(out) == pytest.approx(0.2 * len(crops), rel=0.3)
    assert set(held_out(crops[:300], 0.2)[1]) <= set(out) <= set(held_out(crops, 0.4)[1])
    assert held_out(crops, 0)[1] == ()
    with pytest.raises(DatasetError, match="leaves 2 crops here and 0 there"):
        held_out(crops[:2], 0.0001)
