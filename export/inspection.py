"""The contract of a model file, for a human."""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from export.complexity import multiply_accumulates
from reid_contract import Calibration, EmbeddingSpec, PreprocessSpec, Provenance


def run(arguments: argparse.Namespace) -> None:
    """Prints the contract of the file that the command line names."""
    print(describe(arguments.file))


def describe(file: Path) -> str:
    """Lines of "name  value". Raises ContractError for a file without a contract, ValueError or OSError otherwise."""
    proto = _load(file)
    metadata = {item.key: item.value for item in proto.metadata_props}
    spec = PreprocessSpec.from_metadata(metadata)
    embedding = EmbeddingSpec.from_metadata(metadata)
    provenance = Provenance.from_metadata(metadata)
    low, high = spec.value_range
    rows = [
        ("file", f"{file} ({file.stat().st_size / 1e6:.1f} MB, ONNX operator set {proto.opset_import[0].version})"),
        ("model id", embedding.model_id),
        ("backbone", f"{provenance.backbone}, {provenance.precision}{_cost(proto, provenance)}"),
        ("flavour", provenance.flavour),
        ("input", "; ".join(map(_value, proto.graph.input))),
        ("output", "; ".join(map(_value, proto.graph.output))),
        (
            "crops",
            f"{spec.height}×{spec.width}, stretched with Pillow's {spec.filter} filter, {spec.colour_order.upper()}",
        ),
        ("pixels", f"0…255 to {low:g}…{high:g}, mean {_triple(spec.mean)}, std {_triple(spec.std)}"),
        ("embedding", f"{embedding.dim} numbers, {embedding.metric}{', length 1' if embedding.normalised else ''}"),
        ("calibration", _calibration(embedding.calibration)),
        ("training data", provenance.training_data),
        ("licence", provenance.licence),
        ("code", provenance.code_version),
        ("metrics", ", ".join(f"{k} {v:g}" for k, v in sorted(provenance.metrics.items())) or "none"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _load(file: Path) -> onnx.ModelProto:
    if not file.is_file():
        raise FileNotFoundError(f"there is no model file {file}")
    try:
        proto = onnx.load(file, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise ValueError(f"{file} is not an ONNX file, or it is truncated") from error
    if not proto.graph.node:
        raise ValueError(f"{file} is not an ONNX file: it holds no graph")
    return proto


def _cost(proto: onnx.ModelProto, provenance: Provenance) -> str:
    """Only a graph in fp32 shows it; other precisions, and files that were optimised, have other operators."""
    try:
        counted = multiply_accumulates(proto) if provenance.precision == "fp32" else 0
    except KeyError:
        counted = 0
    return f", {counted / 1e9:.2f} G multiply-accumulates a crop" if counted else ""


def _value(value: onnx.ValueInfoProto) -> str:
    kind = TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    shape = ", ".join(str(d.dim_value or d.dim_param) for d in value.type.tensor_type.shape.dim)
    return f"{value.name} {'float32' if kind == 'float' else kind} ({shape})"


def _calibration(calibration: Calibration | None) -> str:
    if calibration is None:
        return "none: scores come without probabilities"
    thresholds = "; ".join(
        f"cosine {t.score:.3f} at {t.false_match_rate:g} false matches ({t.true_match_rate:.1%} of true ones)"
        for t in calibration.thresholds
    )
    return f"{calibration.source}, {calibration.match_share:.2%} same-person pairs; {thresholds or 'no thresholds'}"


def _triple(values: tuple[float, float, float]) -> str:
    return "(" + ", ".join(f"{v:g}" for v in values) + ")"
