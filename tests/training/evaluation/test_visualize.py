"""The pictures of `visualize`, on drawn people and untrained models; what is in them is tested by numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.__main__ import main
from training.data.records import Record
from training.evaluation.evaluation import Embedded, evaluate
from training.evaluation.part_answers import K, group_responses, part_answers
from training.evaluation.pictures.ranking import draw_ranking, pick
from training.evaluation.pictures.responses import overlay, responses
from training.evaluation.pictures.sheet import GREEN, RED, Cell, sheet
from training.pose.groups import KEYPOINTS

ONNX = Path(__file__).parents[3] / "models" / "lite0-imagenet.onnx"


@pytest.fixture(scope="module")
def models(untrained):
    return untrained("test_resnet")


def visualize(kind, model, data, output, *more):
    common = ["--dataset", "synthetic", "--data", data, "--output", output, "--threads", "1", "--device", "cpu"]
    return main([str(a) for a in ("visualize", kind, model, *common, *more)])


def pixels(file):
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def has(picture, colour):
    return bool((picture == colour).all(axis=-1).any())


def test_responses_of_two_models_over_the_same_crops(drawn, models, tmp_path, capsys):
    file = tmp_path / "new" / "responses.png"
    assert visualize("responses", models / "whole.pt", drawn, file, "--count", 2) == 0
    assert str(file) in capsys.readouterr().out
    alone = pixels(file)
    baseline = ("--baseline", models / "baseline.pt")
    assert visualize("responses", models / "whole.pt", drawn, file, "--count", 2, *baseline) == 0
    both = pixels(file)
    assert len(both) > 1.4 * len(alone)


def test_a_ranking_by_an_exported_file(drawn, tmp_path):
    file = tmp_path / "ranking.png"
    assert visualize("ranking", ONNX, drawn, file, "--count", 2, "--top", 8, "--hardest") == 0
    picture = pixels(file)
    assert has(picture, GREEN)
    assert has(picture, RED)


def test_parts_is_a_plot_and_a_picture_beside_it(drawn, models, tmp_path):
    assert visualize("parts", models / "whole.pt", drawn, tmp_path / "parts.png", "--count", 2) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"parts.png", "parts-crops.png"}


@pytest.mark.parametrize(
    ("kind", "model", "more", "message"),
    [
        ("responses", "whole.pt", ("--count", 0), "--count is 0; allowed: 1 or more"),
        ("ranking", "whole.pt", ("--top", 0), "--top is 0; allowed: 1 or more"),
        ("responses", "nowhere.pt", (), "nowhere.pt"),
        ("parts", "model.onnx", (), "gives embeddings only; its feature map is in the checkpoint"),
    ],
)
def test_bad_input_is_one_clear_line(drawn, models, tmp_path, capsys, kind, model, more, message):
    assert visualize(kind, models / model, drawn, tmp_path / "x.png", *more) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert main(["visualize", "curves", str(tmp_path), "--output", str(tmp_path / "c.png")]) == 1
    assert "has no last.pt" in capsys.readouterr().err


def test_an_overlay_is_red_where_the_response_is_greatest_and_blue_where_it_is_least():
    response = np.zeros((4, 2), np.float32)
    response[0, 0] = 7
    red, _, blue = np.moveaxis(np.asarray(overlay(Image.new("RGB", (20, 40), "grey"), response)).astype(int), 2, 0)
    assert red[0, 0] > blue[0, 0] + 50
    assert blue[-1, -1] > red[-1, -1] + 50
    flat = np.asarray(overlay(Image.new("RGB", (20, 40)), np.ones((4, 2), np.float32)))
    assert (flat == flat[0, 0]).all()


def test_a_response_is_the_length_of_the_channels():
    feature_map = torch.zeros(1, 2, 3, 3)
    feature_map[0, :, 1, 2] = torch.tensor([3.0, 4.0])
    assert responses(feature_map)[0, 1, 2] == 5
    assert responses(feature_map).sum() == 5


def test_a_group_that_looks_at_its_part_alone_stands_out():
    """Group k responds where key points of part k are: the diagonal is the largest of every column."""
    heatmaps, feature_map = torch.zeros(1, len(KEYPOINTS), 8, 8), torch.full((1, 2 * K, 8, 8), 0.1)
    first_key_point = [0, 7, 8, 13, 14, 15, 16, 5]  # of each group, in order of GROUPS
    for part, key_point in enumerate(first_key_point):
        heatmaps[0, key_point, part, part] = 1
        feature_map[0, 2 * part : 2 * part + 2, part, part] = 5
    answers = part_answers(group_responses(feature_map), heatmaps)
    assert answers.argmax(dim=0).tolist() == list(range(K))
    assert (answers.diagonal() > 5).all()
    assert answers.mean(dim=0).allclose(torch.ones(K))


def test_a_part_that_no_crop_shows_has_no_answer():
    heatmaps = torch.zeros(1, len(KEYPOINTS), 8, 8)
    heatmaps[0, 0, 2, 2] = 0.9
    answers = part_answers(group_responses(torch.rand(1, K, 8, 8)), heatmaps)
    assert not answers[:, 0].isnan().any()
    assert answers[:, 1:].isnan().all()
    with pytest.raises(ValueError, match="9 channels; needed: a multiple of K = 8"):
        group_responses(torch.rand(1, 9, 8, 8))


@pytest.fixture
def evaluated(tmp_path):
    """Three queries: the first finds its match first, the second last, the third has none."""
    Image.new("RGB", (8, 16)).save(tmp_path / "crop.png")
    query = Embedded([Record(tmp_path / "crop.png", person, 1) for person in (1, 2, 3)], np.eye(3, dtype=np.float32))
    gallery = Embedded(
        [Record(tmp_path / "crop.png", person, 2) for person in (1, 2)],
        np.array([[1, 1, 0], [0, 0, 1]], np.float32) / np.array([[2**0.5], [1]], np.float32),
    )
    return query, gallery, evaluate(query, gallery)


def test_frames_tell_right_from_wrong(evaluated):
    query, gallery, evaluation = evaluated
    page = np.asarray(draw_ranking(query, gallery, evaluation, [0]))
    green, red = ((page == colour).all(axis=-1).nonzero()[1] for colour in (GREEN, RED))
    assert green.max() < red.min()  # the match comes first


def test_queries_are_picked_among_those_with_a_match(evaluated):
    evaluation = evaluated[2]
    assert pick(evaluation, 1, hardest=True) == [1]
    assert pick(evaluation, 9, hardest=False) == [0, 1]


def test_a_sheet_without_crops_is_refused():
    with pytest.raises(ValueError, match="there are no crops to show"):
        sheet([])
    small = Cell(Image.new("RGB", (10, 20)))
    assert sheet([[small, small], [small]], columns=["a\nb", "c"], titles=["x", "y"]).height > 40
