"""What can be pasted in front of a person: background of other crops, drawn objects, cut-outs from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.altered.placement import Box, beside, standing
from training.data.crops import read_crop
from training.data.records import DatasetError, Record
from training.data.synthetic.occluders import KINDS, OCCLUDER, paint_occluder
from training.data.synthetic.raster import Canvas

Pixels = NDArray[np.uint8]
HIDDEN = 127  # a pixel more opaque than this counts as hidden


class Covered(NamedTuple):
    """pixels: (H, W, 3) uint8 RGB with an occluder in front. hidden: (H, W) bool. what: the occluder, in words."""

    pixels: Pixels
    hidden: NDArray[np.bool_]
    what: str


class Occluder(Protocol):
    """Covers a crop once; `cover` is the share of its area that is aimed at, met roughly."""

    def __call__(self, pixels: Pixels, person_id: int, cover: float, rng: np.random.Generator) -> Covered: ...


class BackgroundPatches:
    """A rectangle of another person's crop, taken at its left or right edge, where people seldom are."""

    EDGE = 0.2  # of the width

    def __init__(self, records: Sequence[Record]) -> None:
        """records: where patches are taken from. Raises DatasetError where all are of one person."""
        if len({record.person_id for record in records}) < 2:
            raise DatasetError("patches of other persons' crops need crops of at least two persons")
        self._records = records

    def __call__(self, pixels: Pixels, person_id: int, cover: float, rng: np.random.Generator) -> Covered:
        box = beside(pixels.shape[:2], cover, rng)
        source = self._another(person_id, rng)
        crop = read_crop(source.path)
        edge = max(1, round(crop.width * self.EDGE))
        rows = min(crop.height, max(1, round(edge * box.height / box.width)))  # enlarged, but not out of proportion
        left = 0 if rng.random() < 0.5 else crop.width - edge
        top = int(rng.integers(crop.height - rows + 1))
        patch = crop.crop((left, top, left + edge, top + rows)).resize(
            (box.width, box.height), Image.Resampling.BICUBIC
        )
        return paste(pixels, patch.convert("RGBA"), box, f"background of {source.path.name}")

    def _another(self, person_id: int, rng: np.random.Generator) -> Record:
        while True:
            record = self._records[int(rng.integers(len(self._records)))]
            if record.person_id != person_id:
                return record


class DrawnObjects:
    """A car, bin, bench, hedge … painted where it would stand on the ground, each kind as often as the others."""

    FINER = 3  # times as fine as the crop, then averaged: no ragged edges
    SIZES = np.geomspace(0.35, 1.6, 7)  # tried coarsely; the nearest to the share aimed at is painted

    def __call__(self, pixels: Pixels, person_id: int, cover: float, rng: np.random.Generator) -> Covered:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        seed = int(rng.integers(2**32))  # the same object at every size
        crop = (pixels.shape[0], pixels.shape[1])

        def distance(size: float) -> float:
            canvas = self._paint(kind, crop, size, np.random.default_rng(seed))
            return abs(float((canvas.owner == OCCLUDER).mean()) - cover)

        size = min(self.SIZES.tolist(), key=distance)
        fine = (crop[0] * self.FINER, crop[1] * self.FINER)
        layer = self._shrink(self._paint(kind, fine, size, np.random.default_rng(seed)))
        return paste(pixels, layer, Box(0, 0, crop[1], crop[0]), f"drawn {kind}")

    def _paint(self, kind: str, shape: tuple[int, int], size: float, rng: np.random.Generator) -> Canvas:
        """On black. size: 1 where a person fills the crop's height."""
        canvas = Canvas(np.zeros((*shape, 3), np.float32))
        paint_occluder(canvas, kind, size * shape[0] / 1.8, ground=shape[0] * float(rng.uniform(0.9, 1.05)), rng=rng)
        return canvas

    def _shrink(self, canvas: Canvas) -> Image.Image:
        """RGBA, as large as the crop."""
        alpha = (canvas.owner == OCCLUDER).astype(np.float32)[:, :, None]
        cells = (canvas.height // self.FINER, self.FINER, canvas.width // self.FINER, self.FINER, -1)
        solid = alpha.reshape(cells).mean(axis=(1, 3))
        colour = (canvas.pixels * alpha).reshape(cells).mean(axis=(1, 3)) / np.maximum(solid, 1e-6)
        rgba = np.concatenate([colour, solid], axis=2).clip(0, 1)
        return Image.fromarray(np.round(rgba * 255).astype(np.uint8))


class CutOuts:
    """One of a folder's images with transparency (RGBA), standing on the ground."""

    def __init__(self, folder: Path) -> None:
        """Raises DatasetError: no such folder, no PNG or WebP in it, an image without transparency (named)."""
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in {".png", ".webp"}) if folder.is_dir() else []
        if not files:
            raise DatasetError(f"{folder} holds no cut-outs; needed: a folder of PNG or WebP images with transparency")
        self._images = [(file.name, _read_cutout(file)) for file in files]

    def __call__(self, pixels: Pixels, person_id: int, cover: float, rng: np.random.Generator) -> Covered:
        name, image = self._images[int(rng.integers(len(self._images)))]
        solid = float((np.asarray(image)[:, :, 3] > HIDDEN).mean())
        box = standing(pixels.shape[:2], cover / max(solid, 1e-3), image.width / image.height, rng)
        image = image.resize((box.width, box.height), Image.Resampling.BICUBIC)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return paste(pixels, image, box, f"cut-out {name}")


def paste(pixels: Pixels, image: Image.Image, box: Box, what: str) -> Covered:
    """Lays an RGBA image of the box's size over the crop; parts of it may lie outside."""
    layer = Image.new("RGBA", (pixels.shape[1], pixels.shape[0]))
    layer.paste(image, (box.left, box.top))
    background = Image.fromarray(pixels).convert("RGBA")
    composed = Image.alpha_composite(background, layer).convert("RGB")
    return Covered(np.asarray(composed), np.asarray(layer)[:, :, 3] > HIDDEN, what)


def _read_cutout(file: Path) -> Image.Image:
    try:
        with Image.open(file, formats=["PNG", "WEBP"]) as opened:
            image = opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{file}: not a PNG or WebP image ({error})") from error
    alpha = np.asarray(image)[:, :, 3]
    if alpha.min() > HIDDEN or alpha.max() <= HIDDEN:
        raise DatasetError(f"{file}: has no transparency, or nothing else; needed: an object on a transparent ground")
    return image.crop(image.getchannel("A").getbbox())
