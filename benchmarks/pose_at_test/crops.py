"""The queries: drawn people as JPEGs."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_contract import PreprocessSpec, decode, preprocess
from training.data.synthetic import draw_cameras, draw_crop, draw_people

Pixels = NDArray[np.uint8]


def drawn_jpegs(count: int) -> list[bytes]:
    """JPEGs of drawn people at 256×128, of `count` persons."""
    rng = np.random.default_rng(0)
    people, cameras = draw_people(count, seed=0), draw_cameras(6, seed=0)
    return [_jpeg(draw_crop(people[i], cameras[i % 6], rng).image) for i in range(count)]


def pixels(jpegs: list[bytes], size: tuple[int, int]) -> Pixels:
    """(N, H, W, 3) uint8 at a network's size."""
    return np.stack([preprocess(decode(jpeg), PreprocessSpec(*size)) for jpeg in jpegs])


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
