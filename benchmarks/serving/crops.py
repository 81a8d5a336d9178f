"""The crops that are sent: drawn people, a little larger than the model's input, as a detector would cut them out."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from training.data.synthetic import draw_cameras, draw_crop, draw_people
from training.data.synthetic.view import as_jpeg

_HEIGHT, _WIDTH = 320, 150


def drawn_crops(count: int, seed: int = 7) -> list[bytes]:
    """JPEGs of about 10 kB."""
    people, cameras, rng = draw_people(16, seed), draw_cameras(4, seed), np.random.default_rng(seed)
    return [
        as_jpeg(
            draw_crop(people[i % 16], cameras[i % 4], rng, scene_seed=i, height=_HEIGHT, width=_WIDTH).image,
            cameras[i % 4].quality,
        )
        for i in range(count)
    ]


def framed(crops: Sequence[bytes]) -> bytes:
    """application/x-crops."""
    return b"".join(struct.pack("<I", len(crop)) + crop for crop in crops)
