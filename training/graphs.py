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

    def __init__(self, model: PGFLKD) -> None:
        self._maps = _FeatureMaps(model)
        self._captured: dict[torch.Size, Callable[[Tensor], Maps]] = {}

    def capture(self, shape: torch.Size, device: torch.device) -> None:
        """Captures images of this shape, in channels last, under the autocast that is in force; once.

        No other thread may use the GPU meanwhile.
        """
        if shape in self._captured:
            return
        images = torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last)
        counted = {name: buffer.clone() for name, buffer in self._maps.named_buffers()}
        maps = _FeatureMaps(self._maps.model[0])  # capturing puts a wrapper around the module it is given
        maps.train()
        dtype = torch.get_autocast_dtype("cuda")
        plain = torch.autocast("cuda", dtype, enabled=torch.is_autocast_enabled("cuda"), cache_enabled=False)
        with warnings.catch_warnings(), plain:
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream")  # it goes back on a stream of its own
            self._captured[shape] = cast(Callable[[Tensor], Maps], torch.cuda.make_graphed_callables(maps, (images,)))
        with torch.no_grad():  # the trial runs went through batch normalisation
            for name, buffer in self._maps.named_buffers():
                buffer.copy_(counted[name])

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> F (N, c, h, w), and the map that FEB and SAB read."""
        replayed = self._captured.get(images.shape) if self._maps.main.training and torch.is_grad_enabled() else None
        maps = (replayed or self._maps)(images)
        return maps[0], maps[-1]


class _FeatureMaps(nn.Module):
    """`PGFLKD.feature_maps` as a module that has the weights it uses, and gives no map twice."""

    def __init__(self, model: PGFLKD) -> None:
        super().__init__()
        self.main, self.part_stage = model.main, model.part_stage
        self.model = (model,)  # not a submodule

    def forward(self, images: Tensor) -> Maps:
        first, second = PGFLKD.feature_maps(self.model[0], images)
        return (first,) if second is first else (first, second)
