"""Augmentation of a batch, image and heat maps together: what moves the one moves the other.

Flip, pad and crop, pasted patches, random erasing, as in Bag of Tricks [28] and random erasing [57], and light. One
implementation, batched, for CPU and GPU; all randomness comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from reid_contract.preprocessing import IMAGENET_MEAN
from training.data.rectangles import Rectangles, random_rectangles
from training.pose.groups import MIRRORED


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """What is done to a training crop; a probability of 0 switches a step off."""

    flip: float = 0.5
    """probability of mirroring"""
    pad: int = 10
    """black pixels on each side before a crop of the original size"""
    erase: float = 0.5
    """probability of random erasing [57]"""
    erase_area: tuple[float, float] = (0.02, 0.4)
    """smallest and largest share of the image that is erased"""
    erase_ratio: tuple[float, float] = (0.3, 1 / 0.3)
    """smallest and largest height / width of what is erased, in pixels"""
    erase_fill: tuple[float, float, float] = IMAGENET_MEAN
    """RGB in [0, 1], rounded to 1/255"""
    occlude: float = 0.0
    """probability of pasting a patch of another crop over this one"""
    occlude_area: tuple[float, float] = (0.1, 0.5)
    """smallest and largest share of the image under the patch"""
    occlude_ratio: tuple[float, float] = (0.3, 1 / 0.3)
    """smallest and largest height / width of the patch, in pixels"""
    light: float = 0.0
    """spread of exposure, contrast and colour cast, as another camera would see the crop; 0.2 is strong"""

    def __post_init__(self) -> None:
        for name in ("flip", "erase", "occlude"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: a probability from 0 to 1")
        if not 0 <= self.light <= 1:
            raise ValueError(f"light is {self.light!r}; allowed: 0 to 1")
        if not all(0 <= value <= 1 for value in self.erase_fill):
            raise ValueError(f"erase_fill is {self.erase_fill!r}; allowed: three numbers from 0 to 1")
        if self.pad < 0:
            raise ValueError(f"pad is {self.pad!r}; allowed: 0 pixels or more")
        for name, most in (("erase_area", 1), ("occlude_area", 1), ("erase_ratio", None), ("occlude_ratio", None)):
            low, high = getattr(self, name)
            if not 0 < low <= high or (most is not None and high > most):
                limit = f"0 < low <= high{'' if most is None else f' <= {most}'}"
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: (low, high) with {limit}")


def augment(
    images: Tensor,
    heatmaps: Tensor | None,
    config: AugmentConfig,
    generator: torch.Generator,
    *,
    unhidden: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Augments a batch; each image has its own draw.

    images: (B, 3, H, W) uint8. heatmaps: (B, 17, h, w) float at any size, of the same images, or None. generator: on
    any device; on the CPU it draws the same for images on every device. Returns float32 images in [0, 1] (B, 3, H, W)
    and heat maps of the same shape and type as given. Flipping swaps the left and right
    channels; pixels that are padding, erased or pasted over have no response. unhidden: twice as many of both return,
    in the second half the same crops, moved and lit alike, before anything was pasted over them or erased.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
        raise ValueError(f"images are {tuple(images.shape)} {images.dtype}; needed: (B, 3, H, W) uint8")
    if heatmaps is not None and (heatmaps.ndim != 4 or heatmaps.shape[:2] != (len(images), len(MIRRORED))):
        raise ValueError(f"heat maps are {tuple(heatmaps.shape)}; needed: ({len(images)}, {len(MIRRORED)}, h, w)")
    images, heatmaps = _move(images, heatmaps, config, generator)
    whole, whole_maps = images, heatmaps
    if config.occlude:
        images, heatmaps = _paste(images, heatmaps, config, generator)
    if config.erase:
        images, heatmaps = _erase(images, heatmaps, config, generator)
    light = torch.randn(len(images), 5, 1, 1, generator=generator, device=generator.device) if config.light else None
    if unhidden:
        images = torch.cat([images, whole])
        heatmaps = None if heatmaps is None or whole_maps is None else torch.cat([heatmaps, whole_maps])
        light = None if light is None else light.repeat(2, 1, 1, 1)
    pixels = images.to(torch.float32).div_(255)
    return (pixels if light is None else _relight(pixels, config.light, light.to(pixels.device))), heatmaps


def _relight(images: Tensor, spread: float, draws: Tensor) -> Tensor:
    """Another camera's exposure, white balance and contrast: log-normal factors, five draws for a whole crop."""
    exposure, cast, contrast = draws[:, :1], draws[:, 1:4] / 2, draws[:, 4:]
    images = images * (spread * (exposure + cast)).exp()
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * (spread * contrast).exp() + mean).clamp(0, 1)


def _move(
    images: Tensor, heatmaps: Tensor | None, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Flip, then pad and crop, as one gather of pixels and one resampling of the heat maps."""
    count, _, height, width = images.shape
    device = images.device
    flipped = _happens(config.flip, count, generator).to(device)  # (B,)
    shift_down, shift_right = (_integers(-config.pad, config.pad, count, generator).to(device) for _ in "yx")
    rows = torch.arange(height, device=device) - shift_down[:, None]  # (B, H): source row of each row
    columns = torch.arange(width, device=device) - shift_right[:, None]  # (B, W)
    columns = torch.where(flipped[:, None], width - 1 - columns, columns)
    if heatmaps is not None:
        heatmaps = _move_heatmaps(heatmaps, flipped, shift_down / height, shift_right / width)
    return gather_pixels(images, rows, columns), heatmaps


def _move_heatmaps(heatmaps: Tensor, flipped: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """flipped: (B,) bool. down, right: (B,) shifts as shares of height and width, so that a map four times coarser than
    the image moves by a quarter of the cells, interpolated."""
    channels = torch.arange(len(MIRRORED), device=heatmaps.device)
    channels = torch.where(flipped[:, None], torch.tensor(MIRRORED, device=heatmaps.device), channels)  # (B, 17)
    heatmaps = heatmaps[torch.arange(len(heatmaps), device=heatmaps.device)[:, None], channels]
    sign = torch.where(flipped, -1.0, 1.0).to(heatmaps)
    theta = heatmaps.new_zeros(len(heatmaps), 2, 3)  # output place -> input place, both from -1 to 1
    theta[:, 0, 0] = sign
    theta[:, 0, 2] = -2 * sign * right
    theta[:, 1, 1] = 1
    theta[:, 1, 2] = -2 * down
    grid = F.affine_grid(theta, list(heatmaps.shape), align_corners=False)
    return F.grid_sample(heatmaps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _paste(
    images: Tensor, heatmaps: Tensor | None, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Covers a rectangle with one of the same size, from anywhere in another image of the batch."""
    count, _, height, width = images.shape
    device = images.device
    covered = random_rectangles(
        count, config.occlude, config.occlude_area, config.occlude_ratio, generator, aspect=height / width
    ).to(device)
    cycle = torch.randperm(count, generator=generator, device=generator.device).to(device)
    source = torch.empty_like(cycle).scatter_(0, cycle, cycle.roll(1))  # a ring in random order: never the image itself
    start_y, start_x = (torch.rand(count, generator=generator, device=generator.device).to(device) for _ in "yx")
    top, left = covered.corner(height, width)
    rows = torch.arange(height, device=device) - top[:, None]  # row within the patch
    columns = torch.arange(width, device=device) - left[:, None]
    rows = rows + (start_y * (1 - covered.height) * height).long()[:, None]
    columns = columns + (start_x * (1 - covered.width) * width).long()[:, None]
    return _cover(images, heatmaps, covered, gather_pixels(images[source], rows, columns))


def _erase(
    images: Tensor, heatmaps: Tensor | None, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Random erasing [57]: a rectangle is filled with one colour."""
    count, _, height, width = images.shape
    erased = random_rectangles(
        count, config.erase, config.erase_area, config.erase_ratio, generator, aspect=height / width
    )
    colour = torch.tensor(config.erase_fill).mul(255).round().to(images)
    return _cover(images, heatmaps, erased.to(images.device), colour[None, :, None, None])


def _cover(images: Tensor, heatmaps: Tensor | None, covered: Rectangles, by: Tensor) -> tuple[Tensor, Tensor | None]:
    """Inside the rectangles: `by`, and no response. A product with a mask is many times as fast as `torch.where`."""
    inside = covered.mask(*images.shape[2:])[:, None].to(images.dtype)  # (B, 1, H, W), 0 or 1
    images = images * (1 - inside) + by * inside
    if heatmaps is not None:
        heatmaps = heatmaps * (~covered.mask(*heatmaps.shape[2:])[:, None]).to(heatmaps.dtype)
    return images, heatmaps


def gather_pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """out[b, :, i, j] = images[b, :, rows[b, i], columns[b, j]], black where that lies outside.

    images: (B, 3, H, W). rows: (B, H) and columns: (B, W) int64. Returns (B, 3, H, W).
    """
    height, width = images.shape[2:]
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    flat = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)  # (B, H·W)
    pixels = images.flatten(2).gather(2, flat[:, None].expand(-1, images.shape[1], -1))
    return pixels.view_as(images) * inside[:, None].to(images.dtype)


def _happens(probability: float, count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator, device=generator.device) < probability


def _integers(low: int, high: int, count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(low, high + 1, (count,), generator=generator, device=generator.device)
