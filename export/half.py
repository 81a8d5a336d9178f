"""fp16: half the bytes, and half the work of a GPU."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from torch import Tensor, nn

from export.deployed import DeployedBranch
from export.regions import network_nodes

LARGEST_HALF = 65504.0


def to_half(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The network in fp16; input, output, pixel arithmetic, pooling, neck and norm stay fp32."""
    network = set(network_nodes(proto))
    around = [node.name for node in proto.graph.node if node.name not in network]
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers below 6e-8 become that: no embedding notices
        half = convert_float_to_float16(copy, keep_io_types=True, node_block_list=around)
    OnnxModel(half).topological_sort()  # the converter appends its casts at the end
    del half.graph.value_info[:]  # and keeps the types that were
    onnx.checker.check_model(half, full_check=True)
    assert isinstance(half, onnx.ModelProto)
    return half


@torch.inference_mode()
def largest_activation(model: DeployedBranch, images: NDArray[np.uint8]) -> float:
    """The largest absolute value inside the network. Beyond 65504 fp16 overflows on a GPU, which a CPU that computes
    fp16 files in fp32 does not show."""
    largest = 0.0

    def note(_: nn.Module, __: object, output: object) -> None:
        nonlocal largest
        if isinstance(output, Tensor):
            largest = max(largest, float(output.abs().max()))

    handles = [module.register_forward_hook(note) for module in model.main.modules()]
    try:
        model(torch.from_numpy(images))
    finally:
        for handle in handles:
            handle.remove()
    return largest
