"""What stands between a camera and a person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.data.synthetic.raster import Canvas, Colour, Floats, Texture, box, capsule, ellipse, loft, plain

OCCLUDER = 100
"""Owner label of everything in front; another pedestrian's parts lie above it."""

KINDS = ("car", "bin", "bollard", "hedge", "bench", "sign", "planter", "cabinet")


def paint_occluder(canvas: Canvas, kind: str, metre: float, ground: float, rng: np.random.Generator) -> None:
    """Paints one thing in front of the person. metre: pixels. ground: the row where the feet stand."""
    OCCLUDERS[kind](canvas, metre * float(rng.uniform(0.95, 1.2)), ground + 0.12 * metre, rng)


def _speckled(
    colour: Colour, rng: np.random.Generator, strength: float, cells: tuple[float, float] = (30, 60)
) -> Texture:
    """Leaves: light and dark spots. cells: how many for a unit around and along."""
    base = np.array(colour, np.float32)
    table = rng.normal(1, strength, (64, 64)).astype(np.float32)

    def colours(around: Floats, along: Floats) -> Floats:
        u = ((around * np.float32(cells[0])).astype(np.int32)) % 64
        v = ((along * np.float32(cells[1])).astype(np.int32)) % 64
        speckled: Floats = np.clip(base * table[v, u][:, :, None], 0, 1)
        return speckled

    return colours


def _car(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    paints: list[Colour] = [
        (0.6, 0.12, 0.12),
        (0.82, 0.82, 0.84),
        (0.14, 0.18, 0.3),
        (0.2, 0.2, 0.22),
        (0.3, 0.42, 0.5),
    ]
    paint = paints[int(rng.integers(len(paints)))]
    middle = canvas.width * float(rng.uniform(-0.35, 1.35))
    body = ground - 0.52 * metre
    dark: Colour = (paint[0] * 0.75, paint[1] * 0.75, paint[2] * 0.75)
    box(canvas, (middle, body - 0.42 * metre), (1.15 * metre, 0.34 * metre), 0.26 * metre, plain(dark), OCCLUDER)
    box(
        canvas,
        (middle, body - 0.43 * metre),
        (1.03 * metre, 0.25 * metre),
        0.2 * metre,
        plain((0.2, 0.26, 0.3)),
        OCCLUDER,
    )
    box(canvas, (middle, body - 0.4 * metre), (0.05 * metre, 0.3 * metre), 2, plain(dark), OCCLUDER)
    box(canvas, (middle, body), (2.1 * metre, 0.35 * metre), 0.2 * metre, plain(paint), OCCLUDER)
    box(canvas, (middle, body - 0.1 * metre), (2.05 * metre, 0.02 * metre), 2, plain(dark), OCCLUDER)
    for side in (-1.3, 1.3):
        ellipse(
            canvas,
            (middle + side * metre, body + 0.3 * metre),
            (0.33 * metre, 0.33 * metre),
            plain((0.1, 0.1, 0.11)),
            OCCLUDER,
        )
        ellipse(
            canvas,
            (middle + side * metre, body + 0.3 * metre),
            (0.18 * metre, 0.18 * metre),
            plain((0.6, 0.6, 0.62)),
            OCCLUDER,
        )


def _bin(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    paints: list[Colour] = [(0.2, 0.4, 0.28), (0.25, 0.26, 0.28), (0.2, 0.3, 0.5)]
    paint = paints[int(rng.integers(len(paints)))]
    x = canvas.width * float(rng.uniform(0.25, 0.75))
    top = ground - float(rng.uniform(0.95, 1.2)) * metre
    w = 0.34 * metre
    loft(canvas, [(top, x, w, 0), (ground, x, w * 0.84, 0)], plain(paint), OCCLUDER)
    ellipse(
        canvas, (x, top), (w * 1.06, 0.09 * metre), plain((paint[0] * 0.6, paint[1] * 0.6, paint[2] * 0.6)), OCCLUDER
    )
    box(canvas, (x, top + 0.42 * metre), (w * 0.5, 0.1 * metre), 3, plain((0.85, 0.85, 0.8)), OCCLUDER)


def _bollard(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    pair = (float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.62, 0.85)))
    for x in pair if rng.random() < 0.6 else (float(rng.uniform(0.35, 0.65)),):
        px, top = canvas.width * x, ground - 0.95 * metre
        capsule(canvas, (px, ground), (px, top), (0.11 * metre, 0.1 * metre), plain((0.24, 0.25, 0.27)), OCCLUDER)
        box(canvas, (px, top + 0.12 * metre), (0.105 * metre, 0.05 * metre), 2, plain((0.88, 0.86, 0.8)), OCCLUDER)


def _hedge(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    top = ground - float(rng.uniform(0.7, 1.15)) * metre
    leaves = _speckled((0.22, 0.38, 0.16), rng, 0.28)
    for x in np.arange(-0.1, 1.2, 0.16):
        y = top + float(rng.uniform(-0.04, 0.05)) * metre
        ellipse(canvas, (canvas.width * float(x), y + 0.1 * metre), (0.16 * metre, 0.16 * metre), leaves, OCCLUDER)
    middle = (top + 0.1 * metre + canvas.height) / 2
    half = (canvas.height - top - 0.1 * metre) / 2 + 4
    dense = _speckled((0.22, 0.38, 0.16), rng, 0.28, (canvas.width * 0.3, half * 0.8))
    box(canvas, (canvas.width / 2, middle), (canvas.width * 0.75, half), 4, dense, OCCLUDER)


def _bench(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    x = canvas.width * float(rng.uniform(0.3, 0.7))
    wood: Colour = (0.5, 0.34, 0.2)
    for i in range(4):
        y = ground - (0.9 - i * 0.14) * metre
        box(canvas, (x, y), (0.85 * metre, 0.055 * metre), 3, plain(wood), OCCLUDER)
    box(canvas, (x, ground - 0.38 * metre), (0.88 * metre, 0.06 * metre), 3, plain((0.58, 0.4, 0.24)), OCCLUDER)
    for side in (-0.7, 0.7):
        box(
            canvas,
            (x + side * metre, ground - 0.45 * metre),
            (0.04 * metre, 0.5 * metre),
            2,
            plain((0.16, 0.16, 0.17)),
            OCCLUDER,
        )


def _sign(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    x = canvas.width * float(rng.uniform(0.3, 0.7))
    y = ground - float(rng.uniform(1.0, 1.5)) * metre
    capsule(
        canvas, (x, ground), (x, y - 0.6 * metre), (0.035 * metre, 0.035 * metre), plain((0.5, 0.51, 0.53)), OCCLUDER
    )
    paint: Colour = (0.12, 0.3, 0.6) if rng.random() < 0.5 else (0.85, 0.85, 0.83)
    box(canvas, (x, y), (0.3 * metre, 0.42 * metre), 0.04 * metre, plain(paint), OCCLUDER)
    ink: Colour = (0.92, 0.92, 0.92) if paint[0] < 0.5 else (0.75, 0.12, 0.12)
    box(canvas, (x, y - 0.12 * metre), (0.2 * metre, 0.08 * metre), 3, plain(ink), OCCLUDER)
    for row in range(3):
        box(canvas, (x, y + (0.06 + row * 0.1) * metre), (0.2 * metre, 0.018 * metre), 1, plain(ink), OCCLUDER)


def _planter(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    x = canvas.width * float(rng.uniform(0.25, 0.75))
    leaves = _speckled((0.24, 0.42, 0.2), rng, 0.3)
    for dx, dy, r in ((-0.25, 0.85, 0.24), (0.25, 0.85, 0.24), (0.0, 1.05, 0.28), (-0.1, 0.7, 0.25), (0.15, 0.7, 0.25)):
        ellipse(canvas, (x + dx * metre, ground - dy * metre), (r * metre, r * metre * 0.9), leaves, OCCLUDER)
    box(
        canvas, (x, ground - 0.27 * metre), (0.5 * metre, 0.3 * metre), 0.04 * metre, plain((0.62, 0.6, 0.57)), OCCLUDER
    )


def _cabinet(canvas: Canvas, metre: float, ground: float, rng: np.random.Generator) -> None:
    side = -1 if rng.random() < 0.5 else 1
    x = canvas.width * (0.5 + side * float(rng.uniform(0.2, 0.42)))
    high = float(rng.uniform(0.55, 0.95)) * metre
    paint: Colour = (0.56, 0.58, 0.56) if rng.random() < 0.6 else (0.35, 0.4, 0.36)
    box(canvas, (x, ground - high), (0.36 * metre, high), 0.03 * metre, plain(paint), OCCLUDER)
    box(
        canvas,
        (x, ground - high * 2 + 0.03 * metre),
        (0.39 * metre, 0.04 * metre),
        2,
        plain((0.4, 0.42, 0.4)),
        OCCLUDER,
    )
    box(canvas, (x, ground - high), (0.012 * metre, high * 0.92), 1, plain((0.3, 0.32, 0.3)), OCCLUDER)


OCCLUDERS: dict[str, Callable[[Canvas, float, float, np.random.Generator], None]] = {
    "car": _car,
    "bin": _bin,
    "bollard": _bollard,
    "hedge": _hedge,
    "bench": _bench,
    "sign": _sign,
    "planter": _planter,
    "cabinet": _cabinet,
}
