"""One sighting: a person, in a pose, before a camera, perhaps half hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.synthetic.figure import paint_person
from training.data.synthetic.occluders import KINDS, OCCLUDER, paint_occluder
from training.data.synthetic.raster import Canvas, Floats
from training.data.synthetic.scenes import window
from training.data.synthetic.skeleton import Pose, walking
from training.data.synthetic.view import Camera, View, photograph
from training.data.synthetic.wardrobe import Person

OVERSAMPLING = 2
"""Painted at twice the size; `_halved` brings it down."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A drawn crop and what is true of it.

    image: RGB. keypoints: (17, 2) float32, COCO order, x and y in pixels of `image`; some lie outside where the crop
    cuts the person. visibility: (17,) uint8 as COCO has it: 0 outside the image, 1 inside but hidden, 2 seen.
    occluded: share of the person that is hidden by things in front or cut off, in [0, 1].
    occluder: what hides it: "none", "cut off", "pedestrian", or one of occluders.KINDS.
    """

    image: Image.Image
    keypoints: NDArray[np.float32]
    visibility: NDArray[np.uint8]
    occluded: float
    occluder: str


def draw_crop(
    person: Person,
    camera: Camera,
    rng: np.random.Generator,
    *,
    scene_seed: int = 0,
    occluder: str | None = None,
    passers_by: Sequence[Person] = (),
    height: int = 256,
    width: int = 128,
    light: float = 1.0,
) -> Crop:
    """Draws one crop. The same arguments and the same state of `rng` give the same pixels.

    occluder: as in Crop; None hides nothing. passers_by: who may walk in front, for "pedestrian".
    light: brightness of the hour, 1 at noon. Raises ValueError for an unknown occluder or a size below 32 × 16.
    """
    kind = occluder or "none"
    if kind not in ("none", "cut off", "pedestrian", *KINDS):
        raise ValueError(f"occluder is {kind!r}; allowed: none, cut off, pedestrian, {', '.join(KINDS)}")
    if height < 32 or width < 16:
        raise ValueError(f"a crop of {width}×{height} is too small; allowed: 16×32 and above")
    if kind == "pedestrian" and not passers_by:
        raise ValueError("occluder is 'pedestrian' but passers_by is empty")
    wide, tall = width * OVERSAMPLING, height * OVERSAMPLING
    canvas = Canvas(window(camera, scene_seed, wide, tall, rng))
    view = _aim(camera, person, wide, tall, rng, cut=kind == "cut off")
    _shadow(canvas, view)
    heading = float(rng.choice(camera.headings)) + float(rng.normal(0, 0.6))
    pose = walking(rng, heading)
    painted = paint_person(canvas, person, pose, view)
    own = (canvas.owner > 0) & (canvas.owner < OCCLUDER)
    whole = int(own.sum())
    if kind == "cut off":
        whole = _whole(person, pose, view, wide, tall)
    elif kind == "pedestrian":
        _walk_past(canvas, camera, view, passers_by[int(rng.integers(len(passers_by)))], heading, rng)
    elif kind != "none":
        ground = view.project(np.zeros(3))[1]
        paint_occluder(canvas, kind, view.scale, ground, rng)
    seen = int((own & (canvas.owner < OCCLUDER)).sum())
    return _finish(canvas, camera, painted.keypoints, painted.visible, kind, 1 - seen / max(whole, 1), light, rng)


def _aim(camera: Camera, person: Person, wide: int, tall: int, rng: np.random.Generator, *, cut: bool) -> View:
    """Frames the person as a detector's box would: nearly, never exactly."""
    fill = float(rng.uniform(0.82, 0.93)) * min(1.0, 2.05 * wide / tall)
    apparent = person.height * np.cos(camera.pitch) + 0.35 * np.sin(camera.pitch)
    scale = tall * fill / float(apparent)
    centre = (wide * (0.5 + float(rng.normal(0, 0.03))), tall * (0.5 + float(rng.normal(0, 0.012))))
    if cut:
        zoom = float(rng.uniform(1.3, 1.75))
        scale *= zoom
        centre = (centre[0], tall * (0.5 + (zoom - 1) * 0.5))
    return View(camera.pitch, camera.distance, scale, centre, target=person.height / 2)


def _shadow(canvas: Canvas, view: View) -> None:
    """A soft patch of shade under the feet."""
    x, y, scale = view.project(np.zeros(3))
    high = (0.05 + 0.16 * float(np.sin(view.pitch))) * scale
    left, top = int(max(x - 0.6 * scale, 0)), int(max(y - 2 * high, 0))
    region = canvas.pixels[top : int(y + 2 * high), left : int(x + 0.6 * scale)]
    if region.size:
        ys = (np.arange(region.shape[0], dtype=np.float32)[:, None] + top - y) / high
        xs = (np.arange(region.shape[1], dtype=np.float32)[None, :] + left - x) / (0.36 * scale)
        region *= (1 - 0.5 * np.exp(-(xs * xs + ys * ys)))[:, :, None].astype(np.float32)


def _whole(person: Person, pose: Pose, view: View, wide: int, tall: int) -> int:
    """Pixels of the whole figure, also of what the frame cuts off."""
    room = Canvas(np.zeros((2 * tall, 2 * wide, 3), np.float32))
    centre = (view.centre[0] + wide / 2, view.centre[1] + tall / 4)
    paint_person(room, person, pose, replace(view, centre=centre))
    return int((room.owner > 0).sum())


def _walk_past(
    canvas: Canvas, camera: Camera, view: View, other: Person, heading: float, rng: np.random.Generator
) -> None:
    """Another pedestrian, nearer to the camera and to one side."""
    side = -1 if rng.random() < 0.5 else 1
    shift = side * float(rng.uniform(0.2, 0.36)) * canvas.width
    nearer = float(rng.uniform(1.04, 1.22))
    centre = (view.centre[0] + shift, view.centre[1] + 0.10 * view.scale)
    near = View(view.pitch, view.distance, view.scale * nearer, centre, target=other.height / 2)
    pose = walking(rng, heading + np.pi * float(rng.integers(2)) + float(rng.normal(0, 0.3)))
    paint_person(canvas, other, pose, near, label=OCCLUDER)


def _finish(
    canvas: Canvas,
    camera: Camera,
    keypoints: NDArray[np.float64],
    visible: NDArray[np.bool_],
    kind: str,
    occluded: float,
    light: float,
    rng: np.random.Generator,
) -> Crop:
    """Down to the crop's size, through the camera; visibility in COCO's numbers."""
    tall, wide = canvas.pixels.shape[:2]
    small = _halved(canvas.pixels)
    inside = (keypoints >= 0).all(1) & (keypoints[:, 0] < wide) & (keypoints[:, 1] < tall)
    visibility = inside.astype(np.uint8)
    for k in np.flatnonzero(inside & visible):
        x, y = keypoints[k].astype(int)
        visibility[k] += canvas.owner[y, x] < OCCLUDER
    return Crop(
        image=photograph(small, camera, light, rng),
        keypoints=(keypoints / OVERSAMPLING).astype(np.float32),
        visibility=visibility,
        occluded=round(float(np.clip(occluded, 0, 1)), 4),
        occluder=kind,
    )


def _halved(pixels: Floats) -> Floats:
    """The mean of every 2 × 2 pixels; four slices are far quicker than a mean over two axes."""
    rows = pixels[0::2] + pixels[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25), dtype=np.float32)
