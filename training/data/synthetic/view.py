"""A camera: how it looks down on the street, and what it does to colours."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.data.synthetic.raster import Floats
from training.data.synthetic.skeleton import Vector


@dataclass(frozen=True, slots=True)
class View:
    """A perspective camera that looks at a person's middle. pitch: radians downwards. distance: metres.
    scale: pixels for a metre at that distance. centre: where the person's middle lies in the image, pixels."""

    pitch: float
    distance: float
    scale: float
    centre: tuple[float, float]
    target: float = 0.9

    def project(self, point: Vector) -> tuple[float, float, float]:
        """x, y in pixels, and the pixels that a metre takes there."""
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        x, y, z = float(point[0]), float(point[1]) - self.target, float(point[2])
        depth = self.distance - (y * s + z * c)
        scale = self.scale * self.distance / depth
        return self.centre[0] + x * scale, self.centre[1] - (y * c - z * s) * scale, scale

    def nearness(self, point: Vector) -> float:
        """Metres towards the camera from the target; larger is nearer."""
        return float((point[1] - self.target) * np.sin(self.pitch) + point[2] * np.cos(self.pitch))


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of the site. number: 1 and up. scene: its background's kind. cast: gain of R, G, B.
    blur: radius in pixels of the finished crop. noise: standard deviation in [0, 1]. quality: of its JPEG."""

    number: int
    scene: str
    pitch: float
    distance: float
    roll: float
    cast: tuple[float, float, float]
    exposure: float
    contrast: float
    saturation: float
    blur: float
    noise: float
    quality: int
    headings: tuple[float, ...]


SCENES = ("shops", "brick", "park", "car park", "platform", "plaza")


def draw_cameras(count: int, seed: int) -> list[Camera]:
    """`count` cameras, each unlike the others in scene, angle, colour and sharpness."""
    rng = np.random.default_rng((seed, 1))
    warmth = rng.permutation(np.linspace(-1, 1, count)) if count > 1 else np.zeros(1)
    pitch = rng.permutation(np.linspace(0.06, 0.5, max(count, 2)))[:count]
    exposure = rng.permutation(np.linspace(0.82, 1.16, max(count, 2)))[:count]
    return [
        Camera(
            number=i + 1,
            scene=SCENES[i % len(SCENES)],
            pitch=float(pitch[i]),
            distance=float(rng.uniform(5.0, 9.0)),
            roll=float(rng.normal(0, 0.015)),
            cast=(1 + 0.09 * float(warmth[i]), 1 + float(rng.normal(0, 0.02)), 1 - 0.11 * float(warmth[i])),
            exposure=float(exposure[i]),
            contrast=float(rng.uniform(0.86, 1.12)),
            saturation=float(rng.uniform(0.75, 1.1)),
            blur=float(rng.uniform(0.0, 0.8)),
            noise=float(rng.uniform(0.003, 0.013)),
            quality=int(rng.integers(62, 93)),
            headings=tuple(float(h) for h in rng.uniform(0, 2 * np.pi) + np.array([0.0, np.pi])),
        )
        for i in range(count)
    ]


def photograph(pixels: Floats, camera: Camera, light: float, rng: np.random.Generator) -> Image.Image:
    """What the camera makes of the painted street. pixels: (h, w, 3) in [0, 1]. light: 1 at noon, less at dusk."""
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    image = grey[:, :, None] + (pixels - grey[:, :, None]) * np.float32(camera.saturation)
    image = (image - np.float32(0.45)) * np.float32(camera.contrast) + np.float32(0.45)
    dusk = np.array([1.0, 0.97, 0.92], np.float32) if light < 0.85 else np.ones(3, np.float32)
    image = image * (np.array(camera.cast, np.float32) * np.float32(camera.exposure * light)) * dusk
    image = image + rng.standard_normal(image.shape[:2], np.float32)[:, :, None] * np.float32(camera.noise)
    picture = Image.fromarray((np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(camera.blur)) if camera.blur > 0.2 else picture


def as_jpeg(image: Image.Image, quality: int) -> bytes:
    """The bytes that leave the camera."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def as_pixels(image: Image.Image) -> Floats:
    """(h, w, 3) float32 in [0, 1], a copy that may be painted on."""
    values: NDArray[np.uint8] = np.asarray(image.convert("RGB"))
    return values.astype(np.float32) * np.float32(1 / 255)
