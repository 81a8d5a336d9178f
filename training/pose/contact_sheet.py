"""A page of crops with their key points drawn in, for a human to judge an estimator by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from training.pose.groups import GROUPS, KEYPOINTS

_SCALE = 2  # pixels on the sheet for a pixel of the crop
_MARGIN = 6
_COLUMNS = 12
_LEGEND = 64
_BACKGROUND, _TEXT = (24, 26, 30), (230, 232, 236)
_COLOURS = {
    "head": (255, 214, 64),
    "torso": (240, 240, 245),
    "left lower arm": (88, 200, 255),
    "left knee": (56, 150, 255),
    "left ankle": (110, 110, 255),
    "right lower arm": (255, 150, 90),
    "right knee": (255, 92, 92),
    "right ankle": (230, 70, 160),
}
_COLOUR_OF = {name: _COLOURS[group] for group, names in GROUPS.items() for name in names}
_BONES = (
    ("left shoulder", "right shoulder"),
    ("left hip", "right hip"),
    *((f"{side} {a}", f"{side} {b}") for side in ("left", "right") for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"),
    )),
)  # fmt: skip


def contact_sheet(crops: NDArray[np.uint8], heatmaps: Tensor, *, confident: float = 0.2) -> Image.Image:
    """Draws each crop with its key points where they respond most.

    crops: (N, H, W, 3) uint8 RGB. heatmaps: (N, 17, h, w) in [0, 1]. confident: a peak of this height is drawn as a
    filled dot and joined to its neighbours; a lower one is a small ring. The left side of the body is blue, the right
    red.
    """
    if len(crops) != len(heatmaps) or not len(crops):
        raise ValueError(f"{len(crops)} crops and {len(heatmaps)} heat maps; needed: as many of both, at least one")
    height, width = (side * _SCALE + _MARGIN for side in crops.shape[1:3])
    columns = min(_COLUMNS, len(crops))
    rows = -(-len(crops) // columns)
    sheet = Image.new("RGB", (columns * width + _MARGIN, rows * height + _MARGIN + _LEGEND), _BACKGROUND)
    for index, (crop, maps) in enumerate(zip(crops, heatmaps, strict=True)):
        row, column = divmod(index, columns)
        sheet.paste(_draw(crop, *peaks(maps), confident), (column * width + _MARGIN, row * height + _MARGIN))
    _draw_legend(ImageDraw.Draw(sheet), rows * height + _MARGIN, confident)
    return sheet


def peaks(heatmaps: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(17, h, w) -> places (17, 2), x and y as shares of width and height, and the responses there (17,)."""
    channels, height, width = heatmaps.shape
    scores, places = heatmaps.reshape(channels, -1).double().max(dim=1)
    x = (places % width + 0.5) / width
    y = (places // width + 0.5) / height
    return np.stack([x.numpy(), y.numpy()], axis=1), scores.numpy()


def _draw(
    crop: NDArray[np.uint8], places: NDArray[np.float64], scores: NDArray[np.float64], confident: float
) -> Image.Image:
    image = Image.fromarray(crop)
    image = image.resize((image.width * _SCALE, image.height * _SCALE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    points = {name: tuple(place * image.size) for name, place in zip(KEYPOINTS, places, strict=True)}
    sure = {name for name, score in zip(KEYPOINTS, scores, strict=True) if score >= confident}
    for a, b in _BONES:
        if {a, b} <= sure:
            draw.line([points[a], points[b]], fill=_COLOUR_OF[b], width=2)
    for name, (x, y) in points.items():
        if name in sure:
            draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=_COLOUR_OF[name], outline=(0, 0, 0))
        else:
            draw.ellipse([x - 2, y - 2, x + 2, y + 2], outline=_COLOUR_OF[name])
    return image


def _draw_legend(draw: ImageDraw.ImageDraw, top: int, confident: float) -> None:
    """Two lines, so that a sheet of four crops is wide enough."""
    font = ImageFont.load_default(size=16)
    x, y = _MARGIN, top + 6
    for name, colour in _COLOURS.items():
        if name == "right lower arm":
            x, y = _MARGIN, y + 26
        draw.ellipse([x, y + 4, x + 12, y + 16], fill=colour)
        draw.text((x + 18, y), name, fill=_TEXT, font=font)
        x += 36 + int(draw.textlength(name, font))
    draw.text((x, y), f"ring: below {confident:g}", fill=_TEXT, font=font)
