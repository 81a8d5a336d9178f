"""Painting soft-edged, shaded solids into an image, with numpy alone.

Every solid is an outline in the image (a signed distance, so that its edge is antialiased) and a surface: for each of
its pixels where on the body it lies, so that stripes run around an arm and a logo turns away with the chest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Point = tuple[float, float]
Colour = tuple[float, float, float]
"""RGB, each in [0, 1]."""

Texture = Callable[[Floats, Floats], Floats]
"""(around, along) -> (h, w, 3) colours. around: angle in radians, 0 in front, growing to the person's left;
along: 0 at the solid's start, 1 at its end."""

LIGHT_ACROSS = -0.42
LIGHT_TOWARDS = 0.907


class Canvas:
    """An image being painted. pixels: (h, w, 3) float32 in [0, 1]. owner: (h, w) uint8, who painted a pixel last:
    0 is the background, above that the caller's labels."""

    def __init__(self, background: Floats) -> None:
        self.pixels = background
        self.height, self.width = background.shape[:2]
        self.owner: NDArray[np.uint8] = np.zeros((self.height, self.width), np.uint8)

    def paint(self, box: tuple[int, int, int, int], cover: Floats, colour: Floats, label: int) -> None:
        """box: left, top, right, bottom. cover: (h, w) in [0, 1]. colour: (h, w, 3), or (3,)."""
        left, top, right, bottom = box
        region = self.pixels[top:bottom, left:right]
        region += cover[:, :, None] * (colour - region)
        self.owner[top:bottom, left:right][cover > 0.5] = label

    def clip(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int] | None:
        """The whole pixels around a rectangle that lie in the image, or None if there are none."""
        box = (
            max(int(left) - 1, 0),
            max(int(top) - 1, 0),
            min(int(right) + 2, self.width),
            min(int(bottom) + 2, self.height),
        )
        return box if box[0] < box[2] and box[1] < box[3] else None


def grid(box: tuple[int, int, int, int]) -> tuple[Floats, Floats]:
    """Pixel centres: x as (1, w), y as (h, 1)."""
    left, top, right, bottom = box
    x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
    return x, y


def plain(colour: Colour) -> Texture:
    """One colour all over."""
    value = np.array(colour, np.float32)
    return lambda around, along: value


def capsule(
    canvas: Canvas,
    start: Point,
    end: Point,
    radii: tuple[float, float],
    texture: Texture,
    label: int,
    *,
    turn: float = 0.0,
    round_start: bool = True,
    gloss: float = 0.0,
) -> None:
    """A limb: a cone with round ends from `start` to `end`, in pixels. turn: the body angle that faces the camera."""
    (ax, ay), (bx, by) = start, end
    widest = max(radii)
    box = canvas.clip(min(ax, bx) - widest, min(ay, by) - widest, max(ax, bx) + widest, max(ay, by) + widest)
    if box is None:
        return
    x, y = grid(box)
    dx, dy = bx - ax, by - ay
    length = max(float(np.hypot(dx, dy)), 1e-3)
    ux, uy = dx / length, dy / length
    px, py = x - np.float32(ax), y - np.float32(ay)
    along = (px * np.float32(ux) + py * np.float32(uy)) * np.float32(1 / length)
    across = px * np.float32(uy) - py * np.float32(ux)
    inside = np.clip(along, 0, 1)
    radius = np.float32(radii[0]) + np.float32(radii[1] - radii[0]) * inside
    beyond = (along - inside) * np.float32(length)
    distance = np.sqrt(across * across + beyond * beyond)
    cover = np.clip(radius - distance + np.float32(0.5), 0, 1)
    if not round_start:
        cover = cover * np.clip(along * np.float32(length) + np.float32(0.5), 0, 1)
    side = np.clip(across / radius, -1, 1)
    colour = texture(np.arcsin(side) - np.float32(turn), inside)
    canvas.paint(box, cover, shade(colour, side * np.float32(uy), gloss), label)


def loft(
    canvas: Canvas,
    rows: Sequence[tuple[float, float, float, float]],
    texture: Texture,
    label: int,
    *,
    gloss: float = 0.0,
) -> None:
    """An upright body: elliptic cross-sections, one above the other.

    rows: (y, centre x, half-width, turn), y increasing, in pixels; turn: the body angle that faces the camera.
    """
    ys, centres, widths, turns = np.array(rows, np.float32).T
    box = canvas.clip(float((centres - widths).min()), float(ys[0]), float((centres + widths).max()), float(ys[-1]))
    if box is None:
        return
    x, y = grid(box)
    row = y[:, 0]
    centre = np.interp(row, ys, centres).astype(np.float32)[:, None]
    width = np.maximum(np.interp(row, ys, widths), 0.5).astype(np.float32)[:, None]
    turn = np.interp(row, ys, turns).astype(np.float32)[:, None]
    offset = x - centre
    ends = np.clip(np.minimum(y - ys[0], ys[-1] - y) + np.float32(0.5), 0, 1)
    cover = np.clip(width - np.abs(offset) + np.float32(0.5), 0, 1) * ends
    side = np.clip(offset / width, -1, 1)
    along = np.clip((y - ys[0]) / max(float(ys[-1] - ys[0]), 1e-3), 0, 1) + np.zeros_like(side)
    colour = texture(np.arcsin(side) - turn, along)
    canvas.paint(box, cover, shade(colour, side, gloss), label)


def ellipse(
    canvas: Canvas,
    centre: Point,
    radii: Point,
    texture: Texture,
    label: int,
    *,
    turn: float = 0.0,
    lean: float = 0.0,
    gloss: float = 0.0,
) -> None:
    """A ball or egg. radii: half-width and half-height in pixels; lean: radians, clockwise."""
    (cx, cy), (rx, ry) = centre, radii
    reach = max(rx, ry)
    box = canvas.clip(cx - reach, cy - reach, cx + reach, cy + reach)
    if box is None:
        return
    x, y = grid(box)
    c, s = np.float32(np.cos(lean)), np.float32(np.sin(lean))
    px, py = x - np.float32(cx), y - np.float32(cy)
    u = (px * c + py * s) / np.float32(max(rx, 0.5))
    v = (py * c - px * s) / np.float32(max(ry, 0.5))
    radius = np.sqrt(u * u + v * v)
    cover = np.clip((1 - radius) * np.float32(min(rx, ry)) + np.float32(0.5), 0, 1)
    chord = np.sqrt(np.clip(1 - v * v, 0.02, 1))
    side = np.clip(u / chord, -1, 1)
    colour = texture(np.arcsin(side) - np.float32(turn), np.clip(v * np.float32(0.5) + np.float32(0.5), 0, 1))
    canvas.paint(box, cover, shade(colour, np.clip(u, -1, 1), gloss), label)


def box(
    canvas: Canvas,
    centre: Point,
    half: Point,
    corner: float,
    texture: Texture,
    label: int,
    *,
    lean: float = 0.0,
) -> None:
    """A box with round corners, seen from one side. half: half-width and half-height in pixels."""
    (cx, cy), (hw, hh) = centre, half
    reach = float(np.hypot(hw, hh))
    region = canvas.clip(cx - reach, cy - reach, cx + reach, cy + reach)
    if region is None:
        return
    x, y = grid(region)
    c, s = np.float32(np.cos(lean)), np.float32(np.sin(lean))
    px, py = x - np.float32(cx), y - np.float32(cy)
    u, v = px * c + py * s, py * c - px * s
    corner = min(corner, hw, hh)
    qx = np.maximum(np.abs(u) - np.float32(hw - corner), 0)
    qy = np.maximum(np.abs(v) - np.float32(hh - corner), 0)
    cover = np.clip(np.float32(corner) - np.sqrt(qx * qx + qy * qy) + np.float32(0.5), 0, 1)
    side: Floats = np.clip(u / np.float32(max(hw, 0.5)), -1, 1).astype(np.float32)
    along: Floats = np.clip(v / np.float32(2 * max(hh, 0.5)) + np.float32(0.5), 0, 1).astype(np.float32)
    canvas.paint(region, cover, shade(texture(side, along), (side * np.float32(0.6)).astype(np.float32), 0.0), label)


def shade(colour: Floats, side: Floats, gloss: float) -> Floats:
    """Light from the upper left. side: (h, w) in [-1, 1], where on a round solid a pixel lies, left to right."""
    towards = np.sqrt(np.clip(1 - side * side, 0, 1))
    diffuse = np.clip(side * np.float32(LIGHT_ACROSS) + towards * np.float32(LIGHT_TOWARDS), 0, 1)
    light = np.float32(0.5) + np.float32(0.56) * diffuse
    lit = colour * light[:, :, None]
    if gloss:
        lit = lit + (np.float32(gloss) * diffuse**12)[:, :, None]
    return np.asarray(np.clip(lit, 0, 1), dtype=np.float32)
