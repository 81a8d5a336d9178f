"""Batch normalisation over the batch of all processes.

In a P×K batch a process's share is a few identities, whose statistics are not the batch's. torch's SyncBatchNorm needs
GPUs; this is the same in plain operations, on any device, so that a test on the CPU speaks for it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.distributed import total


class GlobalBatchNorm(nn.Module):
    """Stands in for a batch normalisation layer, with its tensors by their names and timm's activation."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: _BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.eps = layer.eps
        self.momentum = 0.1 if layer.momentum is None else layer.momentum
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(layer, name))
        self.drop: nn.Module = getattr(layer, "drop", nn.Identity())
        self.act: nn.Module = getattr(layer, "act", nn.Identity())
        self.train(layer.training)

    def forward(self, features: Tensor) -> Tensor:
        """(N, c) or (N, c, h, w) -> the same."""
        if self.training:
            mean, variance = self._batch_statistics(features)
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        normalised = features * _along_channels(scale, features) + _along_channels(shift, features)
        return self.act(self.drop(normalised.to(features.dtype)))  # type: ignore[no-any-return]

    def _batch_statistics(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and biased variance over everything but the channels, (c,) each; in two sums over the processes, because
        E[x²] − E[x]² loses digits."""
        features = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        over = [axis for axis in range(features.ndim) if axis != 1]
        count = total(features.new_tensor(features.numel() / features.shape[1]))
        mean = total(features.sum(over)) / count
        variance = total((features - _along_channels(mean, features)).square().sum(over)) / count
        self._track(mean, variance * count / (count - 1))
        return mean, variance

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)


def use_global_batch_norm(model: nn.Module) -> None:
    """Replaces every batch normalisation layer within; the state dict stays the same."""
    for name, child in model.named_children():
        if isinstance(child, _BatchNorm):
            setattr(model, name, GlobalBatchNorm(child))
        else:
            use_global_batch_norm(child)


def _along_channels(values: Tensor, features: Tensor) -> Tensor:
    """(c,) -> (1, c) or (1, c, 1, 1), to go with the features."""
    return values.view((1, -1) + (1,) * (features.ndim - 2))
