"""What cloth, skin and hair look like, as colours around and along a part of the body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.raster import Floats, Texture
from training.data.synthetic.wardrobe import COLOURS, Pattern, Person

TORSO_LENGTH = 0.62
"""Metres; patterns on the chest are measured in metres, so that they do not stretch."""


def rgb(name: str) -> Floats:
    """A named colour as (3,)."""
    return np.array(COLOURS[name], np.float32)


def wrap(angle: Floats) -> Floats:
    """Angles into [-pi, pi)."""
    return np.asarray((angle + np.float32(np.pi)) % np.float32(2 * np.pi) - np.float32(np.pi), dtype=np.float32)


def blend(base: Floats, over: Floats, weight: Floats | NDArray[np.bool_]) -> Floats:
    """`over` where weight is 1. weight: (h, w)."""
    return np.asarray(base + np.asarray(weight, np.float32)[:, :, None] * (over - base), dtype=np.float32)


def folds(around: Floats, metres: Floats) -> Floats:
    """Soft light and dark where cloth hangs, (h, w, 1)."""
    wave = np.sin(metres * np.float32(19) + np.float32(1.7) * np.sin(around * np.float32(2.3)))
    return np.asarray((np.float32(0.97) + np.float32(0.055) * wave)[:, :, None], dtype=np.float32)


def cloth(person: Person, pattern: Pattern, around: Floats, along: Floats, length: float) -> Floats:
    """The upper garment's cloth. length: metres from along = 0 to 1."""
    metres = along * np.float32(length)
    base = rgb(person.upper_colour) * folds(around, metres)
    other = rgb(person.second_colour)
    if pattern == "stripes":
        return blend(base, other, np.sin(metres * np.float32(2 * np.pi / 0.11)) > 0.1)
    if pattern == "pinstripes":
        return blend(base, other, np.sin(around * np.float32(11)) > 0.55)
    if pattern == "checks":
        down = np.sin(metres * np.float32(2 * np.pi / 0.12)) > 0
        turn = np.sin(around * np.float32(8)) > 0
        return blend(base, other, down * np.float32(0.5) + turn * np.float32(0.5))
    if pattern == "dots":
        row = np.floor(metres / np.float32(0.07))
        u = (around * np.float32(2.4) + row * np.float32(0.5)) % 1 - np.float32(0.5)
        v = (metres / np.float32(0.07)) % 1 - np.float32(0.5)
        return blend(base, other, u * u + v * v < np.float32(0.075))
    return base


def chest(person: Person, length: float) -> Texture:
    """The upper garment on the torso: pattern, front opening, zip, collar, logo."""
    inner, skin = rgb(person.inner_colour), np.array(person.skin, np.float32)

    def colours(around: Floats, along: Floats) -> Floats:
        front = wrap(around)
        metres = along * np.float32(length)
        out = cloth(person, person.pattern, front, along, length)
        if person.pattern == "band":
            out = blend(out, rgb(person.second_colour), np.abs(metres - np.float32(0.24)) < 0.075)
        elif person.pattern == "yoke":
            out = blend(out, rgb(person.second_colour), metres < 0.17)
        elif person.pattern == "logo":
            out = _logo(out, person, front, metres)
        out = _front(out, person, front, metres, inner)
        if person.upper == "puffer jacket":
            seam = np.abs(np.sin(metres * np.float32(np.pi / 0.085)))
            out = out * (np.float32(0.74) + np.float32(0.3) * seam)[:, :, None]
        neckline = 0.085 if person.upper in ("T-shirt", "vest top") else 0.05
        return blend(out, skin, (np.abs(front) < 0.5) & (metres < np.float32(neckline) * np.cos(front * 2)))

    return colours


def _logo(out: Floats, person: Person, front: Floats, metres: Floats) -> Floats:
    """A round badge on the chest, a wide block on the back."""
    other = rgb(person.second_colour)
    u, v = front / np.float32(0.62), (metres - np.float32(0.23)) / np.float32(0.085)
    out = blend(out, other, u * u + v * v < 1)
    out = blend(out, rgb(person.upper_colour), (np.abs(u) < 0.55) & (np.abs(v) < 0.22))
    back = np.float32(np.pi) - np.abs(front)
    return blend(out, other, (back < 0.75) & (np.abs(metres - np.float32(0.2)) < 0.06))


def _front(out: Floats, person: Person, front: Floats, metres: Floats, inner: Floats) -> Floats:
    """Jackets stand open or have a zip; shirts have buttons; hoodies a pocket."""
    if person.open_front:
        gap = np.float32(0.30) + np.float32(0.22) * np.clip(1 - metres / np.float32(0.25), 0, 1)
        out = out * (1 - np.float32(0.3) * (np.abs(np.abs(front) - gap) < 0.07))[:, :, None]
        return blend(out, inner, np.abs(front) < gap)
    if person.upper in ("jacket", "coat", "puffer jacket", "shirt"):
        return out * (1 - np.float32(0.28) * (np.abs(front) < 0.045))[:, :, None]
    if person.upper == "hoodie":
        pocket = (np.abs(front) < 0.75) & (np.abs(metres - np.float32(0.45)) < 0.07)
        out = out * (1 - np.float32(0.12) * pocket)[:, :, None]
    return out


def sleeve(person: Person, share: float, length: float, start: float = 0.0) -> Texture:
    """An arm: cloth down to `share` of the way, then skin. start: metres of sleeve above this part."""
    skin = np.array(person.skin, np.float32)
    pattern: Pattern = person.pattern if person.pattern in ("stripes", "checks", "dots") else "plain"

    def colours(around: Floats, along: Floats) -> Floats:
        out = cloth(person, pattern, around, along + np.float32(start / length), length)
        if person.pattern == "yoke" and start == 0:
            out = blend(out, rgb(person.second_colour), along < 0.35)
        if person.upper == "puffer jacket":
            seam = np.abs(np.sin((along * np.float32(length) + np.float32(start)) * np.float32(np.pi / 0.085)))
            out = out * (np.float32(0.74) + np.float32(0.3) * seam)[:, :, None]
        if share < 1:
            out = blend(out, skin, along > np.float32(share))
        elif start:
            out = out * (1 - np.float32(0.22) * (along > 0.93))[:, :, None]
        return out

    return colours


def leg(person: Person, share: float) -> Texture:
    """Cloth down to `share` of this part, then skin; jeans have a seam."""
    base, skin = rgb(person.lower_colour), np.array(person.skin, np.float32)

    def colours(around: Floats, along: Floats) -> Floats:
        out = base * folds(around, along * np.float32(0.4))
        if person.lower == "jeans":
            seam = np.abs(np.abs(wrap(around)) - np.float32(np.pi / 2)) < 0.12
            fade = np.float32(0.10) * np.exp(-((along - np.float32(0.45)) ** 2) * np.float32(12))
            out = out * (np.float32(0.97) - np.float32(0.16) * seam + fade)[:, :, None]
        return blend(out, skin, along > np.float32(share)) if share < 1 else out

    return colours


def skirt(person: Person) -> Texture:
    """Pleats around, a darker hem."""
    base = rgb(person.lower_colour)

    def colours(around: Floats, along: Floats) -> Floats:
        pleats = np.float32(0.93) + np.float32(0.09) * np.sin(around * np.float32(9)) * along
        shaded: Floats = base * (pleats - np.float32(0.1) * (along > 0.95))[:, :, None]
        return shaded

    return colours


def face(person: Person) -> Texture:
    """The head: face in front, hair around and above."""
    skin, hair = np.array(person.skin, np.float32), np.array(person.hair_colour, np.float32)
    dark = skin * np.float32(0.42)
    lips = skin * np.array([0.86, 0.6, 0.6], np.float32)

    def colours(around: Floats, along: Floats) -> Floats:
        front = wrap(around)
        out = np.broadcast_to(skin, (*around.shape, 3))
        if person.hair != "bald":
            line = np.float32(0.24) + np.float32(0.06) * np.abs(front)
            behind = (np.abs(front) > np.float32(1.25)) & (along < 0.8)
            out = blend(out, hair, (along < line) | behind)
        if person.beard:
            jaw = (np.abs(front) < 1.2) & (along > np.float32(0.7)) & ~((np.abs(front) < 0.28) & (along < 0.79))
            out = blend(out, hair, jaw * np.float32(0.85))
        eye = np.abs(np.abs(front) - np.float32(0.42))
        out = blend(out, dark, (eye < 0.13) & (np.abs(along - np.float32(0.46)) < 0.028))
        out = blend(out, hair * np.float32(0.8), (eye < 0.19) & (np.abs(along - np.float32(0.385)) < 0.018))
        out = blend(out, lips, (np.abs(front) < 0.27) & (np.abs(along - np.float32(0.78)) < 0.022))
        out = blend(out, skin * np.float32(0.8), (np.abs(front) < 0.13) & (np.abs(along - np.float32(0.64)) < 0.02))
        if person.glasses:
            rim = (np.abs(eye - np.float32(0.2)) < 0.06) & (np.abs(along - np.float32(0.46)) < 0.07)
            bar = (np.abs(front) < 1.4) & (np.abs(along - np.float32(0.42)) < 0.014)
            out = blend(out, np.full(3, 0.08, np.float32), rim | bar)
        return out

    return colours
