"""Where in a crop an occluder goes, and how large it is."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """In pixels; may reach beyond the crop."""

    left: int
    top: int
    width: int
    height: int


def beside(size: tuple[int, int], cover: float, rng: np.random.Generator) -> Box:
    """A rectangle of `cover` of the crop's area against its lower, left, right or (seldom) upper edge.

    size: (height, width) of the crop.
    """
    height, width = size
    edge = rng.choice(["bottom", "left", "right", "top"], p=[0.4, 0.25, 0.25, 0.1])
    along = float(rng.uniform(max(cover, 0.6), 1))  # share of that edge
    across = cover / along
    if edge in {"bottom", "top"}:
        box_width, box_height = max(1, round(width * along)), max(1, round(height * across))
        left = int(rng.integers(width - box_width + 1))
        return Box(left, height - box_height if edge == "bottom" else 0, box_width, box_height)
    box_width, box_height = max(1, round(width * across)), max(1, round(height * along))
    top = int(rng.integers(height - box_height + 1))
    return Box(0 if edge == "left" else width - box_width, top, box_width, box_height)


def standing(size: tuple[int, int], cover: float, aspect: float, rng: np.random.Generator) -> Box:
    """A box of `cover` of the crop's area with width / height `aspect`, its foot at the lower edge or a little below.

    size: (height, width) of the crop. At least half of its width lies inside.
    """
    height, width = size
    area = cover * height * width
    box_width = max(1, round(math.sqrt(area * aspect)))
    box_height = max(1, round(math.sqrt(area / aspect)))
    left = round(float(rng.uniform(-0.5 * box_width, width - 0.5 * box_width)))
    return Box(left, height - box_height + round(height * float(rng.uniform(0, 0.05))), box_width, box_height)
