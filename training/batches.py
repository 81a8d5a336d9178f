"""From crops in memory and heat maps on disk to what a training step takes, a few batches ahead of it."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.config import TrainConfig
from training.data.augment import AugmentConfig, augment
from training.data.packed import PackedCrops
from training.data.sampler import PKSampler
from training.pose.cache import PoseCache

_AHEAD = 2


class Batch(NamedTuple):
    """images: (B, 3, H, W) float32, normalised, channels last in memory. heatmaps: (B, 17, h, w) float32 of the same
    images, or of `unhidden`, or None. labels: (B,) int64, classes. waited: seconds that the step waited for it.
    unhidden: like images, what FEB and SAB see where `teachers_see` is "unhidden"."""

    images: Tensor
    heatmaps: Tensor | None
    labels: Tensor
    waited: float = 0.0
    unhidden: Tensor | None = None


@dataclass(frozen=True)
class Batches:
    """The batches of a run. All randomness is drawn from (seed, epoch, batch, rank): a resumed run sees the same ones.

    crops: on the device that trains. pose: heat maps of the same crops, moved with them. estimator: looks at
    what augmentation left of them instead. Neither: the Baseline.
    """

    config: TrainConfig
    crops: PackedCrops
    sampler: PKSampler
    pose: PoseCache | None = None
    estimator: nn.Module | None = None
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.sampler)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The epoch's batches from number `start` on, prepared on a thread while the model is busy."""
        return _prefetched(self._prepare(epoch, start))

    def _prepare(self, epoch: int, start: int) -> Iterator[Batch]:
        drawn = self.sampler.batches(epoch, rank=self.rank, world_size=self.world_size)
        for number, indices in enumerate(itertools.islice(drawn, start, None), start):
            seed = np.random.SeedSequence((self.config.seed, epoch, number, self.rank)).generate_state(1, np.uint64)
            yield self._batch(indices, self.config.size_at(epoch), torch.Generator().manual_seed(int(seed[0] >> 1)))

    def _batch(self, indices: list[int], size: tuple[int, int], generator: torch.Generator) -> Batch:
        chosen = torch.tensor(indices, device=self.crops.images.device)
        images = resize(self.crops.images[chosen], size)
        heatmaps = None if self.pose is None else self.pose.read(indices, images.device)
        augmentation = scaled(self.config.augment, size[0] / self.config.height)
        twice = self.config.two_views
        pixels, heatmaps = augment(images, heatmaps, augmentation, generator, unhidden=twice)
        taught = len(indices)
        if heatmaps is not None:
            heatmaps = heatmaps[-taught:]
        if self.estimator is not None:
            heatmaps = self.estimator(pixels[-taught:].mul(255).round_().to(torch.uint8))
        pixels = standardise(pixels, self.config)
        unhidden = pixels[taught:] if twice else None
        return Batch(pixels[:taught], heatmaps, self.crops.person_ids[chosen], unhidden=unhidden)


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 3, H, W) uint8 to another size, antialiased; the same tensor where it has it already."""
    if tuple(images.shape[2:]) == size:
        return images
    resized = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def scaled(augmentation: AugmentConfig, factor: float) -> AugmentConfig:
    """The same augmentation for smaller images: padding is in pixels."""
    return replace(augmentation, pad=round(augmentation.pad * factor))


def standardise(pixels: Tensor, config: TrainConfig) -> Tensor:
    """[0, 1] to what the backbone takes, in place: (B, 3, H, W) float32."""
    mean, std = (pixels.new_tensor(values)[None, :, None, None] for values in (config.spec.mean, config.spec.std))
    return pixels.sub_(mean).div_(std).contiguous(memory_format=torch.channels_last)


def _prefetched(prepared: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, made on a thread; what goes wrong there is raised here."""
    with ThreadPoolExecutor(1, "batches") as thread:
        _keep_to_one_core(thread)
        coming = deque(thread.submit(next, prepared, None) for _ in range(_AHEAD))
        while True:
            asked = time.perf_counter()
            batch = coming.popleft().result()
            if batch is None:
                return
            coming.append(thread.submit(next, prepared, None))
            yield batch._replace(waited=time.perf_counter() - asked)


def _keep_to_one_core(thread: ThreadPoolExecutor) -> None:
    """Else it would start as many threads of torch as there are cores, which spin beside those of the training step."""
    threads = torch.get_num_threads()
    thread.submit(_use_one_core).result()
    torch.set_num_threads(threads)  # of this thread, and of those to come


def _use_one_core() -> None:
    torch.get_num_threads()  # a thread's first use takes over the number of the process; it must not come later
    torch.set_num_threads(1)
