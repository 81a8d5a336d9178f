"""The contract goes into ONNX metadata and comes back, or says exactly what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from reid_contract import Calibration, ContractError, EmbeddingSpec, PreprocessSpec, Provenance, Threshold

finite = st.floats(-10, 10, allow_nan=False)
positive = st.floats(0.01, 10)
specs = st.builds(
    PreprocessSpec,
    height=st.integers(1, 4096),
    width=st.integers(1, 4096),
    filter=st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos"]),
    mean=st.tuples(finite, finite, finite),
    std=st.tuples(positive, positive, positive),
    colour_order=st.sampled_from(["rgb", "bgr"]),
    value_range=st.tuples(st.floats(-5, 0), st.floats(0.1, 255)),
)
CALIBRATION = Calibration(
    scores=(0.1, 0.5, 0.9),
    probabilities=(0.0, 0.25, 0.99),
    thresholds=(Threshold(1e-3, 0.8, 0.62),),
    match_share=0.5,
    source="drawn people",
)
EMBEDDING = EmbeddingSpec("tiny-fp32-0123456789ab", 1280, calibration=CALIBRATION)
PREPROCESS = PreprocessSpec(256, 128)
PROVENANCE = Provenance(
    "service", "fp32", "tf_efficientnet_lite0", "ImageNet", "Apache-2.0", "0.1.0", {"market1501/mAP": 7.25}
)


@given(specs)
def test_preprocess_spec_round_trip(spec: PreprocessSpec) -> None:
    assert PreprocessSpec.from_metadata(spec.to_metadata()) == spec


@pytest.mark.parametrize("embedding", [EMBEDDING, EmbeddingSpec("plain", 8)])
def test_embedding_spec_round_trip(embedding: EmbeddingSpec) -> None:
    assert EmbeddingSpec.from_metadata(embedding.to_metadata()) == embedding


def test_round_trip_through_a_real_onnx_file(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, PREPROCESS.to_metadata() | EMBEDDING.to_metadata() | PROVENANCE.to_metadata())
    onnx.save(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert PreprocessSpec.from_metadata(metadata) == PREPROCESS
    assert EmbeddingSpec.from_metadata(metadata) == EMBEDDING
    assert Provenance.from_metadata(metadata) == PROVENANCE


def altered(section: str, **changes: object) -> dict[str, str]:
    """The metadata of a good contract with fields of one section replaced; None takes a field out."""
    metadata = PREPROCESS.to_metadata() | EMBEDDING.to_metadata() | PROVENANCE.to_metadata()
    body = json.loads(metadata[f"reid.{section}"]) | changes
    metadata[f"reid.{section}"] = json.dumps({k: v for k, v in body.items() if v is not ...})
    return metadata


@pytest.mark.parametrize(
    ("section", "changes", "named"),
    [
        ("preprocess", {"height": 0}, r"preprocess\.height is 0; allowed: .* 1 to 4096"),
        ("preprocess", {"width": "128"}, r"preprocess\.width is '128'"),
        ("preprocess", {"filter": "cubic"}, r"preprocess\.filter is 'cubic'; allowed: .*bilinear"),
        ("preprocess", {"mean": [0.5, 0.5]}, r"preprocess\.mean is \[0\.5, 0\.5\]; allowed: 3 finite numbers"),
        ("preprocess", {"std": [0.2, 0.2, 0]}, r"preprocess\.std .* above 0"),
        ("preprocess", {"value_range": [1, 0]}, r"preprocess\.value_range .* low below high"),
        ("preprocess", {"mean": [10**400, 0, 0]}, r"preprocess\.mean is .*; allowed: 3 finite numbers"),
        ("preprocess", {"value_range": [0, 10**400]}, r"preprocess\.value_range is .*; allowed: 2 finite numbers"),
        ("preprocess", {"colour_order": "grb"}, r"preprocess\.colour_order is 'grb'; allowed: rgb, bgr"),
        ("preprocess", {"height": True}, r"preprocess\.height is True"),
        ("preprocess", {"gamma": 2.2}, r"'reid\.preprocess' has gamma"),
        ("embedding", {"model_id": "a model"}, r"embedding\.model_id is 'a model'"),
        ("embedding", {"dim": 0}, r"embedding\.dim is 0"),
        ("embedding", {"metric": "euclid"}, r"embedding\.metric is 'euclid'; allowed: cosine"),
        ("embedding", {"normalised": 1}, r"embedding\.normalised is 1"),
        ("embedding", {"calibration": [1]}, r"embedding\.calibration is \[1\]"),
        ("embedding", {"calibration": {"scores": [0, 1]}}, r"embedding\.calibration has wrong fields.*probabilities"),
        ("provenance", {"flavour": "triton"}, r"provenance\.flavour is 'triton'; allowed: service, boxmot"),
        ("provenance", {"precision": "int4"}, r"provenance\.precision is 'int4'"),
        ("provenance", {"licence": ""}, r"provenance\.licence is ''"),
        ("provenance", {"metrics": []}, r"provenance\.metrics"),
        ("provenance", {"metrics": {"mAP": None}}, r"provenance\.metrics"),
        ("provenance", {"metrics": {"mAP": "75"}}, r"provenance\.metrics"),
        ("provenance", {"metrics": {"mAP": 10**400}}, r"provenance\.metrics"),
    ],
)
def test_a_wrong_value_is_named(section: str, changes: dict[str, object], named: str) -> None:
    kind = {"preprocess": PreprocessSpec, "embedding": EmbeddingSpec, "provenance": Provenance}[section]
    with pytest.raises(ContractError, match=named):
        kind.from_metadata(altered(section, **changes))  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", ["height", "width", "filter", "mean", "std", "colour_order", "value_range"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ContractError, match=rf"'reid\.preprocess' lacks {field}"):
        PreprocessSpec.from_metadata(altered("preprocess", **{field: ...}))


def test_no_contract_an_unknown_version_a_missing_section_and_broken_json() -> None:
    metadata = PREPROCESS.to_metadata()
    with pytest.raises(ContractError, match="carries no contract"):
        PreprocessSpec.from_metadata({})
    with pytest.raises(ContractError, match=r"'reid\.contract_version' is '2'; .* reads 1"):
        PreprocessSpec.from_metadata(metadata | {"reid.contract_version": "2"})
    with pytest.raises(ContractError, match=r"no 'reid\.embedding'"):
        EmbeddingSpec.from_metadata(metadata)
    for broken in ("{", "9" * 5000, "[" * 100_000):
        with pytest.raises(ContractError, match=r"'reid\.preprocess' .* is not JSON that can be read"):
            PreprocessSpec.from_metadata(metadata | {"reid.preprocess": broken})
    with pytest.raises(ContractError, match=r"is list; allowed: a JSON object"):
        PreprocessSpec.from_metadata(metadata | {"reid.preprocess": "[]"})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scores": (0.5, 0.5, 0.9)}, "increase strictly"),
        ({"probabilities": (0.5, 0.4, 0.9)}, "must not decrease"),
        ({"probabilities": (0.0, 0.5, 1.1)}, "between 0 and 1"),
        ({"probabilities": (0.0, 1.0)}, "3 scores and 2 probabilities"),
        ({"scores": ("a", "b", "c")}, "list of finite numbers"),
        ({"match_share": 1.0}, "match_share is 1.0"),
        ({"thresholds": ({"score": 0.5},)}, "must have false_match_rate"),
        ({"source": None}, "source is None"),
        ({"match_share": 10**400}, "match_share is 1000"),
        ({"thresholds": ({"score": 2.0, "false_match_rate": 0.1, "true_match_rate": 0.2},)}, "score is 2.0"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(changes: dict[str, object], named: str) -> None:
    good: dict[str, object] = {
        "scores": (0.1, 0.5, 0.9),
        "probabilities": (0.0, 0.25, 0.99),
        "thresholds": (),
        "match_share": 0.5,
        "source": "test",
    }
    with pytest.raises(ContractError, match=named):
        Calibration(**(good | changes))  # type: ignore[arg-type]


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_probability_is_monotone_and_stays_between_its_ends(scores: list[float]) -> None:
    probabilities = CALIBRATION.probability(sorted(scores))
    assert (probabilities[1:] >= probabilities[:-1]).all()
    assert probabilities.min() >= 0.0
    assert probabilities.max() <= 0.99
    assert CALIBRATION.probability(0.7) == pytest.approx((0.25 + 0.99) / 2)
