"""What a crop costs: parameters and multiply-accumulates, counted on the graph that is deployed."""

from __future__ import annotations

from math import prod

import onnx
from onnx import shape_inference

from export.deployed import DeployedBranch


def parameters(model: DeployedBranch) -> int:
    """Learned numbers of the deployed branch, BatchNorm's and the neck's scale and shift included."""
    neck = model.neck_scale.numel() * 2 if model.has_neck else 0
    return sum(p.numel() for p in model.main.parameters()) + neck


def multiply_accumulates(proto: onnx.ModelProto) -> int:
    """Of one crop, in the convolutions and matrix products of an fp32 graph."""
    inferred = shape_inference.infer_shapes(proto)
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.value_info, *inferred.graph.output)
    }
    weights = {tensor.name: list(tensor.dims) for tensor in inferred.graph.initializer}
    shapes |= weights
    total = 0
    for node in inferred.graph.node:
        if node.op_type == "Conv":
            total += prod(shapes[node.output[0]][1:]) * prod(shapes[node.input[1]][1:])
        elif node.op_type in ("Gemm", "MatMul") and node.input[1] in weights:
            total += prod(weights[node.input[1]])
    return total
