"""HRNet-W32 and W48 [39] for key points: timm's trunk and a 1×1 head, with weights from a file of either publisher."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from reid_contract.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from training.pose.groups import KEYPOINTS
from training.tensor_file import read_tensors

_STRIDE = 32
# What a publisher puts before our names. Official: the network's own names, `module.` where it was saved from several
# GPUs. MMPose: `backbone.` and `keypoint_head.` (0.x) or `head.` (1.x).
_PREFIXES = ("module.", "backbone.", "keypoint_head.", "head.")


class HRNetPose(nn.Module):
    """Pixels to heat maps; always in evaluation mode and without gradients. W48 has 63,595,745 parameters."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: Literal[32, 48]) -> None:
        super().__init__()
        # feature_location "": the bare trunk, without the layers that classification adds
        trunk: Any = timm.create_model(f"hrnet_w{width}", pretrained=False, features_only=True, feature_location="")
        last = trunk.stage4[-1]
        last.fuse_layers = last.fuse_layers[:1]  # key points need the finest branch only
        last.multi_scale_output = False
        self.trunk = trunk
        self.final_layer = nn.Conv2d(width, len(KEYPOINTS), 1)
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W) RGB from 0 to 255, uint8 or float, H and W multiples of 32. Returns (N, 17, H/4, W/4)
        float32 in [0, 1], COCO's key points. Raises ValueError for another size."""
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % _STRIDE or images.shape[3] % _STRIDE:
            raise ValueError(f"images are {tuple(images.shape)}; needed: (N, 3, H, W), H and W multiples of {_STRIDE}")
        trunk: Any = self.trunk
        x = (images - self.mean) / self.std
        x = trunk.act1(trunk.bn1(trunk.conv1(x)))
        x = trunk.act2(trunk.bn2(trunk.conv2(x)))
        finest = trunk.stages(x)[0]  # (N, width, H/4, W/4)
        heatmaps: Tensor = self.final_layer(finest)
        return heatmaps.float().clamp(0, 1)  # trained towards Gaussians of height 1; the rest is noise around 0


def load_hrnet(width: Literal[32, 48], file: Path) -> HRNetPose:
    """HRNet with the weights of an official or MMPose checkpoint. Raises ValueError naming what does not fit."""
    theirs = {_our_name(name): tensor for name, tensor in _read_state(file).items()}
    model = HRNetPose(width).eval().requires_grad_(False)
    own = model.state_dict()
    missing = [name for name in own if name not in theirs and not name.endswith("num_batches_tracked")]
    wrong = [
        f"{name} {tuple(theirs[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in theirs and theirs[name].shape != own[name].shape
    ]
    if missing or wrong:
        raise ValueError(
            f"{file} is no HRNet-W{width} for COCO's 17 key points: it lacks {len(missing)} tensors "
            f"({', '.join(missing[:3])}…), {len(wrong)} have another shape ({'; '.join(wrong[:3])}…)"
        )
    model.load_state_dict({name: theirs.get(name, tensor) for name, tensor in own.items()})
    return model.to(memory_format=torch.channels_last)


def _our_name(name: str) -> str:
    while prefix := next((p for p in _PREFIXES if name.startswith(p)), None):
        name = name.removeprefix(prefix)
    return name if name.startswith("final_layer.") else f"trunk.{name}"


def _read_state(file: Path) -> Mapping[str, Tensor]:
    """The state dict, bare or under `state_dict`; only tensors and plain values are unpickled."""
    try:
        checkpoint = read_tensors(file)
    except ValueError as error:
        raise ValueError(
            f"{file} cannot be read as a checkpoint of tensors ({error}); a file that holds other "
            "Python objects must first be reduced to its state_dict by someone who trusts it"
        ) from error
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, Mapping) else checkpoint
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{file} holds no state dict")
    return state
