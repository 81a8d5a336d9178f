"""A backbone in two pieces, for `separate_part_stage`: the shared layers, and the last stage."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from training.backbone import UnsupportedBackbone


def split_last_stage(backbone: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """(shared layers, last stage), each to be run in order; together they are the backbone's forward pass.

    Known are timm's ResNet family and its EfficientNet family; others raise UnsupportedBackbone.
    """
    layers = dict(backbone.named_children())
    if {"conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4"} <= layers.keys():
        names = ["conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3"]
        return [layers[name] for name in names], [layers["layer4"]]
    if {"conv_stem", "bn1", "blocks", "conv_head", "bn2"} <= layers.keys():
        blocks = list(layers["blocks"].children())
        return [layers["conv_stem"], layers["bn1"], *blocks[:-2]], [*blocks[-2:], layers["conv_head"], layers["bn2"]]
    raise UnsupportedBackbone(
        f"separate_part_stage knows where the last stage of a ResNet or an EfficientNet begins, "
        f"not of {type(backbone).__name__}; leave it off"
    )


def run(layers: Iterable[nn.Module], images: Tensor) -> Tensor:
    """The layers, one after another."""
    for layer in layers:
        images = layer(images)
    return images
