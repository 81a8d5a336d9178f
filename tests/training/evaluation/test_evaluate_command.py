"""`python -m training evaluate` as its user runs it, on drawn people, with real files of every kind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import onnx
import pytest

from training.__main__ import main

MODELS = Path(__file__).parents[3] / "models"
ONNX = MODELS / "lite0-imagenet.onnx"
ARGUMENTS = ["--threads", "1", "--batch-size", "8", "--device", "cpu"]


@pytest.fixture(scope="module")
def checkpoints(untrained):
    return untrained("tf_efficientnet_lite0")


def evaluate(model, data, *more, dataset="synthetic"):
    return main(["evaluate", str(model), "--dataset", dataset, "--data", str(data), *ARGUMENTS, *map(str, more)])


def test_a_file_whose_graph_is_not_what_its_contract_says_ends_in_one_line(drawn, tmp_path, capsys):
    proto = onnx.load(ONNX)
    for entry in proto.metadata_props:
        if entry.key == "reid.preprocess":
            entry.value = json.dumps(json.loads(entry.value) | {"height": 128})
    onnx.save(proto, tmp_path / "odd.onnx")
    assert evaluate(tmp_path / "odd.onnx", drawn) == 1
    assert "odd.onnx must take 'images' as uint8 (batch, 128, 128, 3)" in capsys.readouterr().err


def test_an_exported_file_gives_a_row_json_and_per_query_results(drawn, tmp_path, capsys):
    figures, queries = tmp_path / "new" / "figures.json", tmp_path / "queries.csv"
    assert evaluate(ONNX, drawn, "--json", figures, "--per-query", queries) == 0
    printed = capsys.readouterr().out
    body = json.loads(figures.read_text())
    cameras = body["query_cameras"].values()
    assert sum(camera["queries"] for camera in cameras) == body["queries"]
    assert sum(camera["queries"] * camera["mAP"] for camera in cameras) / body["queries"] == pytest.approx(
        body["mAP"], abs=0.01
    )
    wrong = body["wrong_at_rank1"]
    assert wrong["queries"] == round(body["queries"] * (1 - body["rank1"] / 100))
    assert 0 <= wrong["on_the_query_camera"] <= wrong["queries"]
    assert wrong["distractors"] == 0
    assert f"| {body['rank1']:.1f} |" in printed
    assert "| synthetic |" in printed
    assert (body["queries"], body["gallery"], body["synthetic"]) == (3, 12, True)
    with queries.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3
    precision = [float(row["average_precision"]) for row in rows]
    assert 100 * sum(precision) / 3 == pytest.approx(body["mAP"], abs=0.01)
    for row in rows:
        top = row["top"].split()
        assert len(top) == len(set(top)) >= 9
        assert row["query"].startswith("query/")
        right = [f"/{int(row['person_id']):04d}_" in crop for crop in top]
        assert (right.index(True) + 1 if any(right) else 11) == min(int(row["first_rank"]), 11)


def test_reranking_is_written_down(drawn, tmp_path, capsys):
    assert evaluate(ONNX, drawn, "--rerank", "--k1", 4, "--k2", 2, "--json", tmp_path / "x.json") == 0
    assert json.loads((tmp_path / "x.json").read_text())["rerank"] == {"k1": 4, "k2": 2, "original_weight": 0.3}
    assert "re-ranked" in capsys.readouterr().out


@pytest.mark.parametrize("feature", ["g", "e", "p", "v", "f"])
def test_every_feature_of_a_checkpoint(drawn, checkpoints, tmp_path, feature):
    assert evaluate(checkpoints / "whole.pt", drawn, "--feature", feature, "--json", tmp_path / "x.json") == 0
    assert json.loads((tmp_path / "x.json").read_text())["feature"] == feature


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ("nowhere.onnx", [], "there is no model file nowhere.onnx"),
        (ONNX, ["--feature", "e"], "only a checkpoint has feature 'e'"),
        (ONNX, ["--rerank", "--k1", "0"], "k1 is 0; allowed: 1 or more"),
        (ONNX, ["--batch-size", "0"], "--batch-size is 0; allowed: 1 or more"),
        (MODELS / "lite0-imagenet.md", [], "is not a checkpoint"),
    ],
)
def test_bad_input_is_one_clear_line(drawn, capsys, model, more, message):
    assert evaluate(model, drawn, *more) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error


def test_a_feature_of_a_branch_that_was_not_trained_is_refused(drawn, checkpoints, capsys):
    assert evaluate(checkpoints / "baseline.pt", drawn, "--feature", "v") == 1
    assert "trained without the branch of feature 'v'; it has: g" in capsys.readouterr().err


def test_files_that_are_no_models_are_refused(drawn, tmp_path, capsys):
    for name in ("broken.onnx", "broken.xml"):
        (tmp_path / name).write_text("<net>")
        assert evaluate(tmp_path / name, drawn) == 1
        assert f"{name} cannot be" in capsys.readouterr().err


def test_unknown_data_sets_and_empty_splits_are_refused(drawn, tmp_path, capsys):
    assert evaluate(ONNX, drawn, dataset="market-1501") == 1
    assert "no data set 'market-1501'; allowed: market1501" in capsys.readouterr().err
    (tmp_path / "train").mkdir()
    crop = next((drawn / "train").iterdir())
    (tmp_path / "train" / crop.name).write_bytes(crop.read_bytes())
    assert evaluate(ONNX, tmp_path, dataset="folder") == 1
    assert "'folder' has no crops in its query split" in capsys.readouterr().err


def test_queries_without_a_match_are_left_out_and_counted(drawn, tmp_path, capsys):
    for split in ("query", "gallery"):
        (tmp_path / split).mkdir()
        for crop in (drawn / split).iterdir():
            (tmp_path / split / crop.name).write_bytes(crop.read_bytes())
    stranger = next((drawn / "train").iterdir())
    (tmp_path / "query" / "0099_c1_0001.jpg").write_bytes(stranger.read_bytes())
    assert evaluate(ONNX, tmp_path, "--json", tmp_path / "x.json", dataset="folder") == 0
    assert "1 queries have no match in the gallery and are left out" in capsys.readouterr().out
    body = json.loads((tmp_path / "x.json").read_text())
    assert (body["queries"], body["queries_without_match"]) == (3, 1)
