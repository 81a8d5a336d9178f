"""From a module to an ONNX graph: one dynamic dimension, no constant that could be folded, the contract inside."""

from __future__ import annotations

import contextlib
import io
import warnings

import onnx
import torch
from onnx.helper import set_model_props

from export.deployed import DeployedBranch
from reid_contract import EmbeddingSpec, PreprocessSpec, Provenance

OPSET = 18  # read by ONNX Runtime 1.14, TensorRT 8.6, OpenVINO 2023.0 and anything newer
_EXAMPLE_BATCH = 2  # 1 would be specialised on


def trace(model: DeployedBranch, height: int, width: int) -> onnx.ModelProto:
    """The module as ONNX, batch dimension named `batch`, everything else static; checked by the ONNX checker."""
    convention = model.convention
    shape = (3, height, width) if convention.layout == "NCHW" else (height, width, 3)
    example = torch.zeros(_EXAMPLE_BATCH, *shape, dtype=getattr(torch, convention.dtype))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        program = torch.onnx.export(
            model,
            (example,),
            input_names=[convention.input_name],
            output_names=[convention.output_name],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            dynamo=True,
        )
    assert program is not None
    proto = program.model_proto
    _tidy(proto)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def write_contract(
    proto: onnx.ModelProto, preprocess: PreprocessSpec, embedding: EmbeddingSpec, provenance: Provenance
) -> None:
    """Sets the three sections of the contract as the file's only metadata."""
    set_model_props(proto, preprocess.to_metadata() | embedding.to_metadata() | provenance.to_metadata())
    proto.producer_name = "pgfl-kd-reid"
    proto.producer_version = provenance.code_version


def _tidy(proto: onnx.ModelProto) -> None:
    """Drops what the exporter notes about Python (stack traces, local paths): it is half of a small file's text."""
    graph = proto.graph
    for item in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    proto.doc_string = ""
