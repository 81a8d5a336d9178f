"""Random rectangles, one for each image of a batch, as shares of the image: the same on an image and its heat maps."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

_ATTEMPTS = 100


class Rectangles(NamedTuple):
    """(B,) float each, as shares of the image's height and width; height and width 0 where there is none."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor

    def to(self, device: torch.device) -> Rectangles:
        """The same rectangles on another device."""
        return Rectangles(*(side.to(device) for side in self))

    def corner(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """First row and column inside, (B,) int64 each, on a grid of height × width cells."""
        return _first_inside(self.top, height), _first_inside(self.left, width)

    def mask(self, height: int, width: int) -> Tensor:
        """(B, height, width) bool: cells whose centre lies inside."""
        rows, columns = torch.arange(height, device=self.top.device), torch.arange(width, device=self.top.device)
        inside_y = _between(rows, _first_inside(self.top, height), _first_inside(self.top + self.height, height))
        inside_x = _between(columns, _first_inside(self.left, width), _first_inside(self.left + self.width, width))
        return inside_y[:, :, None] & inside_x[:, None, :]


def random_rectangles(
    count: int,
    probability: float,
    area: tuple[float, float],
    ratio: tuple[float, float],
    generator: torch.Generator,
    *,
    aspect: float,
) -> Rectangles:
    """Draws share of area (uniform) and height / width in pixels (log-uniform), then a place where all of it is inside.

    aspect: height / width of the images. As in [57], what is longer than the image is drawn again, up to 100 times.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)

    missing = uniform(0, 1) < probability
    heights, widths = torch.zeros(2, count, device=generator.device)
    for _ in range(_ATTEMPTS):
        areas, ratios = uniform(*area), uniform(math.log(ratio[0]), math.log(ratio[1])).exp() / aspect
        drawn = (areas * ratios).sqrt(), (areas / ratios).sqrt()
        fits = missing & (drawn[0] <= 1) & (drawn[1] <= 1)
        heights, widths = torch.where(fits, drawn[0], heights), torch.where(fits, drawn[1], widths)
        missing &= ~fits
        if not missing.any():
            break
    return Rectangles(uniform(0, 1) * (1 - heights), uniform(0, 1) * (1 - widths), heights, widths)


def _first_inside(edge: Tensor, cells: int) -> Tensor:
    """The first cell whose centre (i + 0.5) / cells is not before the edge."""
    return (edge * cells - 0.5).ceil().long()


def _between(cells: Tensor, first: Tensor, end: Tensor) -> Tensor:
    return (cells >= first[:, None]) & (cells < end[:, None])
