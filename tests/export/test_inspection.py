"""`python -m export inspect` tells a person what a file is."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from export.__main__ import main

SHIPPED = Path(__file__).parents[2] / "models" / "lite0-imagenet.onnx"


def test_it_prints_the_contract(capsys):
    assert main(["inspect", str(SHIPPED)]) == 0
    said = capsys.readouterr().out
    for part in (
        "tf_efficientnet_lite0-fp32-",
        "images uint8 (batch, 256, 128, 3)",
        "embeddings float32 (batch, 1280)",
        "0.50 G multiply-accumulates",
        "256×128, stretched with Pillow's bilinear filter, RGB",
        "not trained for re-identification",
        "none: scores come without probabilities",
    ):
        assert part in said


def test_the_model_card_is_of_this_file(capsys):
    main(["inspect", str(SHIPPED)])
    model_id = capsys.readouterr().out.split("model id")[1].split()[0]
    card = SHIPPED.with_suffix(".md").read_text(encoding="utf-8")
    assert f"`{model_id}`" in card
    assert "Not trained for re-identification" in card


def plain_model() -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    return helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SHIPPED.read_bytes()[:100_000], "is not an ONNX file, or it is truncated"),
        (b"", "is not an ONNX file"),
        (b"\xff" * 100, "is not an ONNX file"),
        (plain_model().SerializeToString(), "carries no contract"),
    ],
)
@pytest.mark.parametrize("name", ["model.onnx", "model.json"])  # whose end would choose another format
def test_what_is_none_of_ours_is_said_to_be(tmp_path, capsys, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    assert main(["inspect", str(file)]) == 1
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "model.onnx")]) == 1
    assert "there is no model file" in capsys.readouterr().err
