"""One checkpoint in, one verified file out; whoever opens it finds everything inside."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import onnx
import pytest

from export.clients import as_client_sends
from export.command import export_model
from export.flavours import CONVENTIONS
from export.report import report_paths
from export.request import Request
from export.session import Session
from reid_contract import EmbeddingSpec, Flavour, PreprocessSpec, Provenance
from service.encoder import OnnxEncoder
from tests.export.tiny import HEIGHT, WIDTH, write_calibration_of
from training.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (7, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(checkpoint, drawn_people, tmp_path_factory):
    """Every flavour in fp32 and the service's in every precision, each exported once."""
    folder = tmp_path_factory.mktemp("exported")
    made = {}
    wanted = [*((flavour, "fp32") for flavour in get_args(Flavour)), ("service", "fp16"), ("service", "int8")]
    measured = {"dataset": "synthetic", "data": drawn_people}
    for flavour, precision in wanted:
        crops = measured if flavour == "service" else {"calibration": drawn_people}
        request = Request(str(checkpoint), folder / f"{flavour}-{precision}.onnx", flavour, precision, **crops)
        made[flavour, precision] = (request.out, export_model(request))
    return made


@pytest.mark.parametrize("flavour", get_args(Flavour))
def test_every_flavour_gives_the_same_embeddings(exported, pixels, flavour):
    out, _ = exported[flavour, "fp32"]
    wanted = Session(exported["service", "fp32"][0], threads=1).run(pixels)
    rows = Session(out, threads=1).run(as_client_sends(flavour, pixels))
    np.testing.assert_allclose(rows, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("flavour", get_args(Flavour))
def test_names_and_shapes_are_what_the_client_looks_for(exported, flavour):
    graph = onnx.load(exported[flavour, "fp32"][0]).graph
    convention = CONVENTIONS[flavour]
    (image,), (embedding,) = graph.input, graph.output
    assert (image.name, embedding.name) == (convention.input_name, convention.output_name)
    batch, *static = [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert batch == "batch"
    assert static == ([HEIGHT, WIDTH, 3] if convention.layout == "NHWC" else [3, HEIGHT, WIDTH])


def test_the_model_id_is_of_the_embeddings_and_not_of_the_client(exported):
    ids = {key: report.embedding.model_id for key, (_, report) in exported.items()}
    assert len({ids[flavour, "fp32"] for flavour in get_args(Flavour)}) == 1
    assert len({ids["service", precision] for precision in ("fp32", "fp16", "int8")}) == 3
    assert ids["service", "fp16"].startswith("test_resnet-fp16-")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_service_opens_it_by_its_contract(exported, pixels, precision):
    out, report = exported["service", precision]
    encoder = OnnxEncoder(out)
    assert encoder.embedding == report.embedding
    assert encoder.preprocess == PreprocessSpec(HEIGHT, WIDTH)
    assert encoder.provenance.precision == precision
    rows = encoder(pixels)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    wanted = Session(exported["service", "fp32"][0], threads=1).run(pixels)
    assert (rows * wanted).sum(axis=1).min() > {"fp32": 0.99999, "fp16": 0.9999, "int8": 0.98}[precision]


def test_nothing_of_the_teachers_is_in_the_file(exported, checkpoint):
    weights = load_checkpoint(checkpoint).weights
    stripped = [name for name in weights if not name.startswith(("main.", "neck_g.norm."))]
    assert any(name.startswith("sab.") for name in stripped)
    content = exported["service", "fp32"][0].read_bytes()
    for name in stripped:
        if weights[name].numel() > 8:
            assert weights[name].numpy().tobytes() not in content, name
    kept = sum(weights[name].numel() for name in weights if name not in stripped)
    assert len(content) < 4 * kept + 60_000  # the graph's text


def test_batch_norm_is_folded_and_the_exporters_machine_is_not_named(exported):
    for out, _ in exported.values():
        proto = onnx.load(out)
        assert "BatchNormalization" not in {node.op_type for node in proto.graph.node}
        assert b".py" not in out.read_bytes()


def test_smaller_precisions_are_smaller(exported):
    size = {precision: exported["service", precision][1].size for precision in ("fp32", "fp16", "int8")}
    assert size["fp16"] < 0.6 * size["fp32"]
    assert size["int8"] < size["fp16"]


def test_the_report_says_what_was_measured(exported):
    out, report = exported["service", "int8"]
    page, data = report_paths(out)
    body = json.loads(data.read_text())
    assert [row["batch"] for row in body["parity"]] == [1, 3, 16, 64]
    assert body["accuracy"]["loss"]["mAP"] == pytest.approx(
        body["accuracy"]["pytorch"]["mAP"] - body["accuracy"]["file"]["mAP"], abs=0.011
    )
    assert body["attempts"][-1]["outcome"] == "used"
    assert report.embedding.model_id in page.read_text()
    assert "calibration" not in body["embedding"]  # the file's own may change
    assert "training crops of synthetic" in page.read_text()


def test_metrics_and_training_data_travel_in_the_file(exported):
    metadata = {item.key: item.value for item in onnx.load(exported["service", "fp32"][0]).metadata_props}
    provenance = Provenance.from_metadata(metadata)
    assert set(provenance.metrics) == {"synthetic/mAP", "synthetic/rank1"}
    assert provenance.training_data.startswith("synthetic, 5 identities")


def test_the_calibration_of_one_flavour_travels_in_another(exported, checkpoint, tmp_path):
    _, report = exported["service", "fp32"]
    file = write_calibration_of(report.embedding.model_id, tmp_path / "calibration.json")
    out = tmp_path / "model.onnx"
    export_model(Request(str(checkpoint), out, "boxmot", match_calibration=file))
    metadata = {item.key: item.value for item in onnx.load(out).metadata_props}
    calibration = EmbeddingSpec.from_metadata(metadata).calibration
    assert calibration is not None
    assert calibration.probability(0.5) == pytest.approx(0.5)


def test_an_int8_files_calibration_is_its_own(exported, checkpoint, drawn_people, tmp_path):
    measured = {"dataset": "synthetic", "data": drawn_people}
    own, other = (
        write_calibration_of(exported["service", p][1].embedding.model_id, tmp_path / p) for p in ("int8", "fp32")
    )
    out = tmp_path / "model.onnx"
    assert export_model(Request(str(checkpoint), out, "service", "int8", match_calibration=own, **measured))
    out.unlink()
    with pytest.raises(ValueError, match=r"was fitted on 'test_resnet-fp32-.*would be 'test_resnet-int8-"):
        export_model(Request(str(checkpoint), out, "service", "int8", match_calibration=other, **measured))
    assert not out.exists()


def test_the_same_checkpoint_gives_the_same_bytes(exported, checkpoint, tmp_path):
    out = tmp_path / "service-fp32.onnx"
    export_model(Request(str(checkpoint), out))
    again, before = onnx.load(out), onnx.load(exported["service", "fp32"][0])
    for proto in (again, before):
        del proto.metadata_props[:]
        proto.producer_version = ""
    assert again.SerializeToString(deterministic=True) == before.SerializeToString(deterministic=True)
