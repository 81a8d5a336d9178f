"""What is deployed: the main branch with its preprocessing before it and its neck and norm behind it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.flavours import CONVENTIONS, Convention, remaining_arithmetic
from reid_contract import PreprocessSpec
from training.model.main_branch import MainBranch

_NOTHING_LEFT = 1e-6
_SHORTEST = 1e-12


class DeployedBranch(nn.Module):
    """Pixels as a client sends them -> L2-normalised embeddings (N, D) float32.

    By default the service's convention: (N, H, W, 3) uint8 RGB, resized by `reid_contract.preprocess`.
    main: the main branch, in evaluation mode from here on. neck: its BNNeck's normalisation, folded to one multiply and
    one add; None where there is none. spec: what the backbone expects.
    """

    multiplier: Tensor
    offset: Tensor
    neck_scale: Tensor
    neck_shift: Tensor

    def __init__(
        self,
        main: MainBranch,
        neck: nn.BatchNorm1d | None,
        spec: PreprocessSpec,
        convention: Convention = CONVENTIONS["service"],
    ) -> None:
        super().__init__()
        self.main = main
        self.convention = convention
        self.bgr = spec.colour_order == "bgr"
        multiplier, offset = remaining_arithmetic(convention, spec)
        self.register_buffer("multiplier", torch.tensor(multiplier).view(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor(offset).view(1, 3, 1, 1))
        self.arithmetic = max(abs(m - 1) for m in multiplier) > _NOTHING_LEFT or max(map(abs, offset)) > _NOTHING_LEFT
        self.has_neck = neck is not None
        if neck is not None:
            scale, shift = folded(neck)
            self.register_buffer("neck_scale", scale)
            self.register_buffer("neck_shift", shift)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.embed(self.standardise(images))

    def standardise(self, images: Tensor) -> Tensor:
        """As the client sends them -> (N, 3, H, W) float32 as the backbone takes them."""
        if self.convention.dtype == "uint8":
            images = images.to(torch.float32)
        if self.convention.layout == "NHWC":
            images = images.permute(0, 3, 1, 2)
        if self.arithmetic:
            images = images * self.multiplier + self.offset
        return images.flip(1) if self.bgr else images

    def embed(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) float32 -> (N, D) of length 1."""
        feature: Tensor = self.main(images)  # (N, D)
        if self.has_neck:
            feature = feature * self.neck_scale + self.neck_shift
        length: Tensor = torch.linalg.vector_norm(feature, dim=1, keepdim=True).clamp_min(
            _SHORTEST
        )  # functional.normalize would add five nodes
        return feature / length


def folded(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """A BatchNorm in evaluation as (scale, shift), each (D,), computed in double precision."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - norm.running_mean.double() * scale
    return scale.float().detach(), shift.float().detach()
