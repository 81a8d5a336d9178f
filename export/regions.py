"""Which part of a graph is the network: only that is made smaller, what surrounds it stays in fp32."""

from __future__ import annotations

import onnx

_POOLS = ("ReduceMean", "GlobalAveragePool")
_ACTIVATIONS = ("Clip", "Relu", "LeakyRelu", "HardSwish", "Sigmoid")

Layer = tuple[str, ...]


def network_nodes(proto: onnx.ModelProto) -> list[str]:
    """Names of the nodes from the first convolution up to the global average pooling, without it.

    Before them stands the arithmetic on pixels, after them neck and norm: little work, and where range matters.
    """
    nodes = list(proto.graph.node)
    first = next(i for i, node in enumerate(nodes) if node.op_type == "Conv")
    last = max(i for i, node in enumerate(nodes) if node.op_type in _POOLS)
    return [node.name for node in nodes[first:last]]


def layers(proto: onnx.ModelProto) -> list[Layer]:
    """Every convolution with the activation that alone reads it, as node names, from the image to the feature map."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found: list[Layer] = []
    for node in proto.graph.node:
        if node.op_type == "Conv":
            after = readers.get(node.output[0], [])
            activation = [n.name for n in after if n.op_type in _ACTIVATIONS] if len(after) == 1 else []
            found.append((node.name, *activation))
    return found


def weight_names(proto: onnx.ModelProto) -> dict[str, str]:
    """The name of each convolution's weights by the node's name: what a person can find in the network."""
    return {node.name: node.input[1] for node in proto.graph.node if node.op_type == "Conv"}
