"""The street behind: one wide picture for each camera, of which every crop shows a window."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.data.synthetic.raster import Floats
from training.data.synthetic.view import Camera, as_pixels

RGB = tuple[int, int, int]
WIDTH, HEIGHT = 1600, 640
SOFTNESS = 5.0
"""Pixels of blur: the camera is focused on the people, and so should be whoever looks."""


@lru_cache(maxsize=64)
def scene(camera: Camera, seed: int) -> Image.Image:
    """A camera's background, WIDTH × HEIGHT. The ground begins higher in the picture the more the camera looks down."""
    rng = np.random.default_rng((seed, 2, camera.number))
    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    base = ground_line(camera)
    GROUNDS[camera.scene](draw, rng, base)
    WALLS[camera.scene](draw, rng, base)
    image = image.filter(ImageFilter.GaussianBlur(SOFTNESS))
    return _grain(image, rng)


def ground_line(camera: Camera) -> int:
    """The row where wall and ground meet."""
    return int(HEIGHT * np.clip(0.74 - 1.15 * camera.pitch, 0.12, 0.72))


def window(camera: Camera, seed: int, width: int, height: int, rng: np.random.Generator) -> Floats:
    """A window of the camera's background as (height, width, 3) float32 in [0, 1], a copy."""
    share = float(rng.uniform(0.86, 1.0))
    tall = int(HEIGHT * share)
    wide = int(tall * width / height)
    left = int(rng.integers(0, WIDTH - wide))
    top = int(rng.integers(0, HEIGHT - tall + 1))
    part = scene(camera, seed).resize((width, height), Image.Resampling.BILINEAR, (left, top, left + wide, top + tall))
    return as_pixels(part)


def _grain(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Uneven light and dirt, so that nothing is one flat colour."""
    coarse = rng.normal(0, 1, (9, 22)).astype(np.float32)
    fine = rng.normal(0, 1, (HEIGHT // 4, WIDTH // 4)).astype(np.float32)
    light = np.zeros((HEIGHT, WIDTH), np.float32)
    for noise, strength in ((coarse, 0.05), (fine, 0.022)):
        grown = Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        light += np.asarray(grown) * np.float32(strength)
    pixels = as_pixels(image) * (1 + light[:, :, None])
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def _tint(colour: RGB, factor: float) -> RGB:
    r, g, b = (int(min(max(c * factor, 0), 255)) for c in colour)
    return r, g, b


def _gradient(draw: ImageDraw.ImageDraw, top: int, bottom: int, first: RGB, last: RGB) -> None:
    for y in range(top, bottom):
        t = (y - top) / max(bottom - top, 1)
        r, g, b = (int(a + (z - a) * t) for a, z in zip(first, last, strict=True))
        draw.line([(0, y), (WIDTH, y)], fill=(r, g, b))


def _paving(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int, colour: RGB, joint: float = 0.86) -> None:
    """Slabs in perspective: joints run to a point above the picture."""
    _gradient(draw, base, HEIGHT, _tint(colour, 0.9), _tint(colour, 1.06))
    vanish = (WIDTH / 2, base - 420)
    for x in range(-2 * WIDTH, 3 * WIDTH, 120):
        t = (base - vanish[1]) / (HEIGHT - vanish[1])
        draw.line([(vanish[0] + (x - vanish[0]) * t, base), (x, HEIGHT)], fill=_tint(colour, joint), width=2)
    y, step = float(base), 10.0
    while y < HEIGHT:
        draw.line([(0, y), (WIDTH, y)], fill=_tint(colour, joint), width=2)
        y, step = y + step, step * 1.22


def _asphalt(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    _gradient(draw, base, HEIGHT, (112, 113, 116), (92, 93, 96))
    for x in range(60, WIDTH, 330):
        draw.polygon([(x, base + 30), (x + 10, base + 30), (x - 90, HEIGHT), (x - 116, HEIGHT)], fill=(208, 208, 202))


def _lawn_path(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    _gradient(draw, base, HEIGHT, (104, 132, 78), (90, 120, 64))
    middle = base + int((HEIGHT - base) * 0.3)
    draw.polygon([(0, middle), (WIDTH, middle - 12), (WIDTH, HEIGHT), (0, HEIGHT)], fill=(178, 164, 138))
    for _ in range(900):
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(middle, HEIGHT))
        draw.ellipse([x, y, x + 3, y + 2], fill=_tint((168, 154, 128), float(rng.uniform(0.85, 1.1))))


def _shop_fronts(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    x = 0
    while x < WIDTH:
        wide = int(rng.integers(170, 280))
        wall = _tint((186, 176, 162), float(rng.uniform(0.7, 1.15)))
        awning = [(142, 52, 48), (44, 84, 110), (60, 98, 72), (176, 132, 60), (80, 70, 96)][int(rng.integers(5))]
        draw.rectangle([x, 0, x + wide, base], fill=wall)
        glass_top = max(base - 300, 0)
        draw.rectangle([x + 12, glass_top + 40, x + wide - 12, base - 26], fill=(74, 88, 98))
        for k in range(4):
            gx = x + 18 + k * (wide - 36) // 4
            warm = _tint((206, 176, 124), float(rng.uniform(0.45, 1.05)))
            draw.rectangle([gx + 4, base - 150 + int(rng.integers(60)), gx + 26, base - 30], fill=warm)
        draw.line([(x + wide // 2, glass_top + 40), (x + wide // 2, base - 26)], fill=_tint(wall, 0.6), width=6)
        draw.polygon(
            [(x + 4, glass_top + 10), (x + wide - 4, glass_top + 10), (x + wide, glass_top + 52), (x, glass_top + 52)],
            fill=awning,
        )
        for k in range(0, wide - 12, 32):
            draw.rectangle([x + 4 + k, glass_top + 10, x + 16 + k, glass_top + 52], fill=_tint(awning, 1.35))
        draw.rectangle([x, base - 24, x + wide, base], fill=_tint(wall, 0.66))
        x += wide


def _brick_wall(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    draw.rectangle([0, 0, WIDTH, base], fill=(176, 160, 146))
    for row, y in enumerate(range(base - 16, -16, -16)):
        for x in range(-40 + (row % 2) * 20, WIDTH, 40):
            draw.rectangle([x + 1, y + 1, x + 38, y + 14], fill=_tint((150, 92, 74), float(rng.uniform(0.82, 1.14))))
    for x in range(120, WIDTH, 420):
        kind = rng.random()
        if kind < 0.5:
            draw.rectangle([x, base - 250, x + 120, base], fill=(66, 78, 72))
            draw.rectangle([x + 10, base - 240, x + 110, base - 10], fill=(84, 98, 90))
        else:
            draw.rectangle([x, base - 290, x + 150, base - 150], fill=(60, 66, 74))
            draw.rectangle([x + 72, base - 290, x + 78, base - 150], fill=(196, 190, 180))
    draw.rectangle([0, base - 10, WIDTH, base], fill=(112, 106, 100))


def _trees(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    _gradient(draw, 0, base, (196, 210, 222), (172, 190, 170))
    for layer in range(3):
        for x in range(-60, WIDTH, 90):
            r = int(rng.integers(60, 130))
            y = base - 60 - int(rng.integers(0, 220)) + layer * 30
            leaf = _tint((74, 104, 58), 0.72 + layer * 0.16 + float(rng.uniform(-0.08, 0.08)))
            draw.ellipse([x - r, y - r, x + r, y + int(r * 0.8)], fill=leaf)
    for x in range(90, WIDTH, 300):
        draw.rectangle([x, base - 220, x + 26, base + 14], fill=(86, 70, 56))
    draw.rectangle([0, base - 36, WIDTH, base], fill=(62, 88, 50))


def _parked_cars(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    _gradient(draw, 0, base, (150, 154, 158), (128, 130, 132))
    for x in range(0, WIDTH, 200):
        draw.rectangle([x, 0, x + 34, base], fill=(108, 110, 112))
    for x in range(-40, WIDTH, 330):
        paint = [(150, 40, 40), (200, 200, 204), (52, 66, 98), (70, 72, 76), (120, 130, 120)][int(rng.integers(5))]
        draw.rounded_rectangle([x, base - 70, x + 290, base + 12], 26, fill=paint)
        draw.polygon(
            [(x + 50, base - 66), (x + 88, base - 122), (x + 210, base - 122), (x + 254, base - 66)],
            fill=_tint(paint, 0.92),
        )
        draw.polygon(
            [(x + 70, base - 68), (x + 98, base - 112), (x + 202, base - 112), (x + 232, base - 68)], fill=(58, 70, 80)
        )
        for wheel in (x + 60, x + 230):
            draw.ellipse([wheel - 28, base - 20, wheel + 28, base + 34], fill=(34, 34, 36))
            draw.ellipse([wheel - 13, base - 5, wheel + 13, base + 19], fill=(150, 152, 156))


def _platform(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    _gradient(draw, 0, base, (206, 208, 204), (188, 190, 188))
    for x in range(0, WIDTH, 46):
        draw.line([(x, 0), (x, base)], fill=(172, 176, 176), width=2)
    for y in range(base, 0, -46):
        draw.line([(0, y), (WIDTH, y)], fill=(172, 176, 176), width=2)
    draw.rectangle([0, max(base - 210, 0), WIDTH, max(base - 176, 4)], fill=(34, 78, 120))
    for x in range(80, WIDTH, 380):
        draw.rectangle([x, base - 165, x + 110, base - 30], fill=(240, 238, 230))
        hue = [(196, 90, 60), (70, 120, 150), (200, 170, 70)][int(rng.integers(3))]
        draw.rectangle([x + 8, base - 157, x + 102, base - 70], fill=hue)
    draw.rectangle([0, base - 14, WIDTH, base], fill=(96, 98, 100))


def _glass_front(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    for x in range(0, WIDTH, 110):
        for y in range(base - 150, -150, -150):
            pane = _tint((128, 150, 164), float(rng.uniform(0.72, 1.2)))
            draw.rectangle([x, y, x + 110, y + 150], fill=pane)
            draw.polygon([(x, y + 150), (x + 60, y), (x + 92, y), (x + 30, y + 150)], fill=_tint(pane, 1.1))
            draw.rectangle([x, y, x + 110, y + 150], outline=(74, 82, 88), width=5)
    draw.rectangle([0, base - 12, WIDTH, base], fill=(120, 122, 122))


def _platform_floor(draw: ImageDraw.ImageDraw, rng: np.random.Generator, base: int) -> None:
    _paving(draw, rng, base, (150, 150, 148), 0.92)
    y = base + int((HEIGHT - base) * 0.22)
    draw.rectangle([0, y, WIDTH, y + 16], fill=(214, 182, 60))


Painter = Callable[[ImageDraw.ImageDraw, np.random.Generator, int], None]
GROUNDS: dict[str, Painter] = {
    "shops": lambda draw, rng, base: _paving(draw, rng, base, (168, 164, 158)),
    "brick": lambda draw, rng, base: _paving(draw, rng, base, (138, 134, 130), 0.9),
    "park": _lawn_path,
    "car park": _asphalt,
    "platform": _platform_floor,
    "plaza": lambda draw, rng, base: _paving(draw, rng, base, (190, 184, 174), 0.9),
}
WALLS: dict[str, Painter] = {
    "shops": _shop_fronts,
    "brick": _brick_wall,
    "park": _trees,
    "car park": _parked_cars,
    "platform": _platform,
    "plaza": _glass_front,
}
