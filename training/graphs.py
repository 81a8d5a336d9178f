"""On an NVIDIA GPU, the network's two long passes as CUDA graphs: captured once for each input size, then replayed.

A step of a small network launches hundreds of kernels, each shorter than Python takes to launch it: the GPU waits. A
graph is launched as a whole. The arithmetic is the same; batch normalisation goes on counting in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from training.model.pgflkd import PGFLKD

Maps = tuple[Tensor, ...]


class GraphedFeatureMaps:
    """Stands in for `model.feature_maps` in training; sizes that were not captured, and evaluation, run as ever.

    Only what makes feature maps is captured, forward and backward: nearly all kernels of a step are there, and what
    follows, the losses, looks at the labels.
    """

    def __init__(self, model: PGFLKD, views: int = 1) -> None:
        """views: of each crop, in the batches of training."""
        self._maps = _FeatureMaps(model, views)
        self._captured: dict[torch.Size, Callable[[Tensor], Maps]] = {}

    def capture(self, shape: torch.Size, device: torch.device) -> None:
        """Captures images of this shape, in channels last, under the autocast that is in force; once.

        No other thread may use the GPU meanwhile. A network that cannot be captured, since it looks at values, is left
        as it is, with a warning.
        """
        if shape in self._captured:
            return
        counted = [buffer.clone() for buffer in self._maps.buffers()]
        try:
            self._captured[shape] = self._graphed(shape, device)
        except RuntimeError as error:
            self._captured[shape] = self._maps
            warnings.warn(f"no CUDA graph of the network, so it is slower: {error!s:.200}", stacklevel=2)
        with torch.no_grad():  # trial runs went through batch normalisation
            for buffer, before in zip(self._maps.buffers(), counted, strict=True):
                buffer.copy_(before)

    def __call__(self, images: Tensor, views: int = 1) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> F (N, c, h, w), and the map that FEB and SAB read."""
        training = self._maps.main.training and torch.is_grad_enabled()
        if not training or views != self._maps.views:
            return PGFLKD.feature_maps(self._maps.model[0], images, views)
        maps = self._captured.get(images.shape, self._maps)(images)
        return maps[0], maps[-1]

    def _graphed(self, shape: torch.Size, device: torch.device) -> Callable[[Tensor], Maps]:
        images = torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last)
        # A module of its own: capturing puts a wrapper around what it is given.
        maps = _FeatureMaps(self._maps.model[0], self._maps.views)
        kind = device.type
        uncached = torch.autocast(
            kind, torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind), cache_enabled=False
        )
        with warnings.catch_warnings(), uncached:
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream")  # trial runs have one of their own
            return cast(Callable[[Tensor], Maps], torch.cuda.make_graphed_callables(maps, (images,)))


class _FeatureMaps(nn.Module):
    """`PGFLKD.feature_maps` as a module that has the weights it uses, and gives no map twice."""

    def __init__(self, model: PGFLKD, views: int) -> None:
        super().__init__()
        self.main, self.part_stage = model.main, model.part_stage
        self.model = (model,)  # not a submodule
        self.views = views

    def forward(self, images: Tensor) -> Maps:
        first, second = PGFLKD.feature_maps(self.model[0], images, self.views)
        return (first,) if second is first else (first, second)
