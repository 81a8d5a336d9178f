"""Painting a dressed person in a pose, part by part, the farthest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic import textures
from training.data.synthetic.raster import Canvas, Texture, box, capsule, ellipse, loft, plain
from training.data.synthetic.skeleton import Pose, Skeleton, Vector, stand
from training.data.synthetic.view import View
from training.data.synthetic.wardrobe import COLOURS, Person

TORSO, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG, BAG = range(1, 8)
UP = np.array([0.0, 1.0, 0.0])

OWNERS: tuple[tuple[int, ...], ...] = (
    *[(HEAD,)] * 5,
    (TORSO, LEFT_ARM),
    (TORSO, RIGHT_ARM),
    (LEFT_ARM,),
    (RIGHT_ARM,),
    (LEFT_ARM,),
    (RIGHT_ARM,),
    (TORSO, LEFT_LEG),
    (TORSO, RIGHT_LEG),
    (LEFT_LEG, TORSO),
    (RIGHT_LEG, TORSO),
    (LEFT_LEG,),
    (RIGHT_LEG,),
)
"""For each COCO key point the parts that show it."""


@dataclass(frozen=True, slots=True)
class Painted:
    """keypoints: (17, 2) x, y in pixels. visible: (17,) bool, not hidden by the person's own body or bag."""

    keypoints: NDArray[np.float64]
    visible: NDArray[np.bool_]


def paint_person(canvas: Canvas, person: Person, pose: Pose, view: View, *, label: int = 0) -> Painted:
    """Paints one person. label: added to the part numbers in `canvas.owner`, so that several people can be told
    apart."""
    painter = _Painter(canvas, person, stand(pose, person.height, shoulder_scale=0.6 + 0.4 * person.build), view, label)
    painter.paint()
    points = np.array([view.project(p)[:2] for p in painter.bones.keypoints()])
    facing = float(painter.bones.face @ np.array([0.0, np.sin(view.pitch), np.cos(view.pitch)]))
    visible = np.array([_shows(canvas, points[k], OWNERS[k], label) for k in range(17)])
    visible[:3] &= facing > np.array([0.0, -0.1, -0.1])
    side = float(painter.bones.face_left[2])
    visible[1:3] &= np.array([facing > 0.35 or side > 0, facing > 0.35 or side < 0])
    visible[3:5] &= np.array([side > -0.55, side < 0.55])
    return Painted(points, visible)


def _shows(canvas: Canvas, point: NDArray[np.float64], parts: tuple[int, ...], label: int) -> bool:
    x, y = int(point[0]), int(point[1])
    if not (0 <= x < canvas.width and 0 <= y < canvas.height):
        return False
    return int(canvas.owner[y, x]) - label in parts


class _Painter:
    """Holds what every part needs; `paint` sorts the parts by how near they are."""

    def __init__(self, canvas: Canvas, person: Person, bones: Skeleton, view: View, label: int) -> None:
        self.canvas, self.person, self.bones, self.view, self.label = canvas, person, bones, view, label
        self.heading = float(np.arctan2(bones.forward[0], bones.forward[2]))
        self.gaze = float(np.arctan2(bones.face[0], bones.face[2]))
        self.thick = person.build * person.height / 1.75
        self.jacket = person.upper in ("jacket", "coat", "puffer jacket")

    def paint(self) -> None:
        """Everything but limbs has a fixed place in the order; arms go before or behind the torso."""
        middle = self.view.nearness((self.bones.chest + self.bones.pelvis) / 2)
        parts: list[tuple[float, Callable[[], None]]] = [(0.0, self.torso), (0.06, self.head)]
        for i in (0, 1):
            arm = self.view.nearness((self.bones.elbows[i] + self.bones.wrists[i]) / 2) - middle
            parts.append((arm + 0.05 if arm > -0.05 else -0.3 + arm, lambda i=i: self.arm(i)))  # type: ignore[misc]
            parts.append((-1.0 + self.view.nearness(self.bones.knees[i]), lambda i=i: self.leg(i)))  # type: ignore[misc]
        parts.append((-0.01, self.lower))
        parts += self.bag_parts(middle)
        for _, part in sorted(parts, key=lambda part: part[0]):
            part()

    def limb(
        self, a: Vector, b: Vector, radii: tuple[float, float], texture: Texture, part: int, gloss: float = 0.0
    ) -> None:
        """A capsule between two joints. radii: metres."""
        ax, ay, sa = self.view.project(a)
        bx, by, sb = self.view.project(b)
        capsule(
            self.canvas,
            (ax, ay),
            (bx, by),
            (radii[0] * sa, radii[1] * sb),
            texture,
            self.label + part,
            turn=self.heading,
            gloss=gloss,
        )

    def sections(self, rows: list[tuple[Vector, float, float]]) -> list[tuple[float, float, float, float]]:
        """Elliptic cross-sections (centre, half-width, half-depth in metres), from the top, as rows of a loft."""
        c, s = np.cos(self.heading), np.sin(self.heading)
        out: list[tuple[float, float, float, float]] = []
        for centre, width, depth in rows:
            x, y, scale = self.view.project(centre)
            reach = float(np.hypot(width * c, depth * s))
            y = max(y, out[-1][0] + 0.01) if out else y
            out.append((y, x, reach * scale, float(np.arctan2(depth * s, width * c))))
        return out

    def torso(self) -> None:
        """Neck, upper garment, scarf."""
        b, h, t = self.bones, self.bones.height, self.thick
        spine = b.chest - b.pelvis
        self.limb(b.chest + spine * 0.02, b.chin + UP * 0.02, (0.055 * t, 0.052 * t), plain(self.person.skin), HEAD)
        bulk = {"puffer jacket": 1.16, "coat": 1.08, "jacket": 1.06, "hoodie": 1.05, "vest top": 0.95}.get(
            self.person.upper, 1.0
        )
        hips = self.person.hips
        w, d = 0.100 * h * self.person.build * bulk, 0.062 * h * self.person.build * bulk
        waist = 0.80 if hips > 1 else 0.88
        hem = {"coat": -0.75, "puffer jacket": -0.16, "jacket": -0.2, "hoodie": -0.18}.get(self.person.upper, -0.12)
        rows = [
            (b.chest + spine * 0.075, w * 0.42, d * 0.6),
            (b.chest + spine * 0.04, w * 0.85, d * 0.8),
            (b.chest - spine * 0.03, w * 1.08, d * 0.95),
            (b.chest - spine * 0.25, w * 1.05, d * 1.12),
            (b.pelvis + spine * 0.40, w * waist, d * (1.0 if hips > 1 else 1.05)),
            (b.pelvis + spine * 0.12, w * 0.93 * hips, d * 1.06),
            (b.pelvis - spine * 0.10, w * 0.99 * hips, d * 1.1),
        ]
        if hem < -0.12:
            flare = 1.0 if hem > -0.3 else 1.2
            rows.append((b.pelvis + spine * hem, w * 0.99 * hips * flare, d * 1.12 * flare * flare))
        length = float(np.linalg.norm(spine)) * (1.075 - hem)
        loft(self.canvas, self.sections(rows), textures.chest(self.person, length), self.label + TORSO)
        if self.person.scarf_colour:
            x, y, s = self.view.project(b.chest + spine * 0.08)
            ellipse(
                self.canvas,
                (x, y),
                (0.105 * s, 0.055 * s),
                plain(COLOURS[self.person.scarf_colour]),
                self.label + TORSO,
            )
        if self.person.upper == "hoodie":
            x, y, s = self.view.project(b.chest + spine * 0.09 - b.forward * 0.05)
            colour = textures.rgb(self.person.upper_colour) * 0.86
            ellipse(self.canvas, (x, y), (0.11 * s, 0.05 * s), plain(_colour(colour)), self.label + TORSO)

    def lower(self) -> None:
        """The pelvis in trousers, or a skirt over the thighs."""
        b, h = self.bones, self.bones.height
        w, d = 0.099 * h * self.person.build * self.person.hips, 0.070 * h * self.person.build
        spine = b.chest - b.pelvis
        if self.person.lower not in ("skirt", "long skirt"):
            rows = [
                (b.pelvis + spine * 0.2, w * 0.9, d * 0.95),
                (b.pelvis - spine * 0.02, w, d * 1.05),
                (b.pelvis - spine * 0.16, w * 0.9, d),
            ]
            loft(self.canvas, self.sections(rows), textures.leg(self.person, 1.0), self.label + TORSO)
            return
        long = self.person.lower == "long skirt"
        knees = (b.knees[0] + b.knees[1]) / 2
        reach = float(np.abs((b.knees[0] - b.knees[1]) @ b.forward)) / 2
        end = (b.ankles[0] + b.ankles[1]) / 2 if long else knees
        hem = b.pelvis + (end - b.pelvis) * (0.86 if long else 0.92)
        hem = np.array([b.pelvis[0] * 0.3 + hem[0] * 0.7, hem[1], b.pelvis[2] * 0.3 + hem[2] * 0.7])
        flare = w * (1.35 if long else 1.25)
        rows = [
            (b.pelvis + spine * 0.22, w * 0.86, d * 0.92),
            (b.pelvis - spine * 0.05, w * 1.03, d * 1.1),
            (hem, flare, max(d * 1.5, reach + 0.07 * self.thick)),
        ]
        loft(self.canvas, self.sections(rows), textures.skirt(self.person), self.label + TORSO)

    def leg(self, i: int) -> None:
        """Thigh, shank, shoe."""
        b, t, kind = self.bones, self.thick, self.person.lower
        part = (LEFT_LEG, RIGHT_LEG)[i]
        cover, loose = {
            "shorts": (0.92, 1.12),
            "skirt": (0.3, 0.9),
            "long skirt": (0.3, 0.9),
            "leggings": (2.0, 0.92),
            "wide trousers": (2.0, 1.12),
        }.get(kind, (2.0, 1.0))
        skin = plain(self.person.skin)
        knee = 0.054 if cover >= 2 else 0.050
        below = 0.075 if kind == "wide trousers" else 0.047 if cover >= 2 and kind != "leggings" else 0.036
        shoe = plain(COLOURS[self.person.shoes_colour])
        self.limb(b.ankles[i] - UP * 0.035 - b.forward * 0.03, b.toes[i], (0.046 * t, 0.036 * t), shoe, part, 0.08)
        self.limb(
            b.knees[i],
            b.ankles[i],
            ((knee + 0.004) * t * (loose if cover >= 2 else 1), below * t),
            textures.leg(self.person, 1.0) if cover >= 2 else skin,
            part,
        )
        self.limb(
            b.hips[i] - UP * 0.01,
            b.knees[i],
            (0.086 * t * loose, knee * t * loose),
            textures.leg(self.person, min(cover, 1.0)),
            part,
        )

    def arm(self, i: int) -> None:
        """Upper arm, forearm, hand."""
        b, t = self.bones, self.thick
        part = (LEFT_ARM, RIGHT_ARM)[i]
        bulk = {"puffer jacket": 1.3, "coat": 1.16, "jacket": 1.12, "hoodie": 1.1, "sweater": 1.05}.get(
            self.person.upper, 1.0
        )
        share = {"T-shirt": 0.62, "vest top": 0.0}.get(self.person.upper, 2.0)
        length = 0.32 * b.height / 1.75
        hand = plain(self.person.skin)
        upper = textures.sleeve(self.person, share, length)
        lower = textures.sleeve(self.person, share if share >= 1 else -1.0, length, start=length)
        thin = 1.0 if share >= 1 else 0.86
        self.limb(b.wrists[i], b.hands[i], (0.030 * t, 0.026 * t), hand, part)
        self.limb(b.elbows[i], b.wrists[i], (0.044 * t * bulk * thin, 0.033 * t * bulk * thin), lower, part)
        self.limb(b.shoulders[i], b.elbows[i], (0.052 * t * bulk, 0.043 * t * bulk * thin), upper, part)
        if self.person.bag == "tote" and i == 0:
            self.carried(b.hands[0] - UP * 0.2, (0.17, 0.16), 0.02)

    def head(self) -> None:
        """Head, hair, hat."""
        b, p = self.bones, self.person
        x, y, s = self.view.project(b.head)
        rx, ry = 0.048 * b.height * s, 0.071 * b.height * s
        depth = 0.058 * b.height * s
        rx = float(np.hypot(rx * np.cos(self.gaze), depth * np.sin(self.gaze)))
        hair = plain(p.hair_colour)
        label = self.label + HEAD
        towards = float(np.cos(self.gaze))
        if towards > 0:
            self.tail(s)
        ellipse(self.canvas, (x, y), (rx, ry), textures.face(p), label, turn=self.gaze)
        if p.hair == "curls" and p.hat == "none":
            for dx, dy in (
                (-0.8, -0.55),
                (0.8, -0.55),
                (0, -0.95),
                (-0.95, 0.0),
                (0.95, 0.0),
                (-0.5, -0.85),
                (0.5, -0.85),
            ):
                if towards < 0 or dy < -0.4 or abs(dx) > 0.9:
                    ellipse(self.canvas, (x + dx * rx, y + dy * ry), (0.042 * s, 0.042 * s), hair, label)
        if towards <= 0:
            self.tail(s)
        self.hat(x, y, s, rx, ry)

    def tail(self, s: float) -> None:
        """Long hair, ponytail, bun: before the head when seen from the front, after it from the back."""
        p, b = self.person, self.bones
        back = -b.face * 0.055 * b.height
        hair = plain(p.hair_colour)
        label = self.label + HEAD
        if p.hat == "headscarf":
            return
        if p.hair in ("long", "bob"):
            length = 0.30 if p.hair == "long" else 0.14
            self.limb(
                b.head + back * 0.75 + UP * 0.02, b.head + back * 1.0 - UP * length, (0.092, 0.075), hair, HEAD, 0.06
            )
        elif p.hair == "ponytail":
            self.limb(
                b.head + back * 1.15 + UP * 0.05, b.head + back * 1.6 - UP * 0.22, (0.035, 0.022), hair, HEAD, 0.06
            )
        elif p.hair == "bun":
            bx, by, _ = self.view.project(b.head + back * 1.25 + UP * 0.07)
            ellipse(self.canvas, (bx, by), (0.045 * s, 0.045 * s), hair, label)

    def hat(self, x: float, y: float, s: float, rx: float, ry: float) -> None:
        """Cap, beanie, brimmed hat or headscarf."""
        p, b = self.person, self.bones
        if p.hat == "none":
            return
        colour = plain(COLOURS[p.hat_colour])
        label = self.label + HEAD
        if p.hat == "headscarf":
            fx = float(np.sin(self.gaze)) * rx * 0.9
            if np.cos(self.gaze) < 0.1:
                ellipse(self.canvas, (x, y + 0.01 * s), (rx * 1.18, ry * 1.16), colour, label)
            else:
                ellipse(self.canvas, (x, y + 0.12 * s), (rx * 1.25, ry * 0.6), colour, label)
                ellipse(self.canvas, (x, y - ry * 0.55), (rx * 1.16, ry * 0.62), colour, label)
                for side in (-1, 1):
                    ellipse(
                        self.canvas,
                        (x + side * rx * 0.95 - fx * 0.25, y + 0.02 * s),
                        (rx * 0.36, ry * 1.0),
                        colour,
                        label,
                    )
            return
        top = y - ry * 0.48
        ellipse(self.canvas, (x, top), (rx * 1.12, ry * 0.62), colour, label)
        if p.hat == "cap":
            peak = b.head + b.face * 0.085 * b.height + UP * 0.045
            px, py, _ = self.view.project(peak)
            ellipse(
                self.canvas,
                ((px + x) / 2 + (px - x) * 0.2, py - 0.005 * s),
                (0.02 * s + abs(px - x) * 0.5 + rx * 0.5 * abs(float(np.cos(self.gaze))), 0.022 * s),
                colour,
                label,
            )
        elif p.hat == "brimmed hat":
            ellipse(
                self.canvas,
                (x, top + ry * 0.32),
                (rx * 1.9, ry * (0.16 + 0.5 * float(np.sin(self.view.pitch)))),
                colour,
                label,
            )
            ellipse(self.canvas, (x, top - ry * 0.1), (rx * 1.08, ry * 0.55), colour, label)

    def bag_parts(self, middle: float) -> list[tuple[float, Callable[[], None]]]:
        """A bag at its place in the order of painting."""
        b = self.bones
        kind = self.person.bag
        if kind == "backpack":
            place = (b.chest * 0.62 + b.pelvis * 0.38) - b.forward * 0.17 * self.thick
            return [(self.view.nearness(place) - middle, lambda: self.backpack(place)), (0.04, self.straps)]
        if kind == "shoulder bag":
            place = b.pelvis - b.left * 0.21 * self.thick + UP * 0.04
            return [
                (
                    max(self.view.nearness(place) - middle, -0.25) + 0.12,
                    lambda: self.carried(place, (0.15, 0.11), 0.03),
                ),
                (0.045, self.strap),
            ]
        if kind == "suitcase":
            place = b.pelvis * np.array([1, 0, 1]) - b.left * 0.36 - b.forward * 0.3 + UP * 0.32
            return [(self.view.nearness(place) - middle, lambda: self.suitcase(place))]
        return []

    def carried(self, place: Vector, half: tuple[float, float], corner: float) -> None:
        """A bag seen more or less from its side."""
        x, y, s = self.view.project(place)
        turn = abs(float(np.sin(self.heading)))
        width = half[0] * (0.4 + 0.6 * turn)
        box(
            self.canvas,
            (x, y),
            (width * s, half[1] * s),
            corner * s,
            plain(COLOURS[self.person.bag_colour]),
            self.label + BAG,
        )

    def backpack(self, place: Vector) -> None:
        """Round shoulders, a pocket."""
        x, y, s = self.view.project(place)
        t = self.thick
        width = float(np.hypot(0.155 * np.cos(self.heading), 0.10 * np.sin(self.heading))) * t
        colour = textures.rgb(self.person.bag_colour)
        box(self.canvas, (x, y), (width * s, 0.235 * s), 0.08 * s, plain(_colour(colour)), self.label + BAG)
        if np.cos(self.heading) < 0.3:
            pocket = (x - float(np.sin(self.heading)) * 0.03 * s, y + 0.09 * s)
            box(
                self.canvas,
                pocket,
                (width * 0.7 * s, 0.10 * s),
                0.03 * s,
                plain(_colour(colour * 0.78)),
                self.label + BAG,
            )

    def straps(self) -> None:
        """A backpack's straps, where the front of the chest is seen."""
        if np.cos(self.heading) < -0.2:
            return
        b = self.bones
        for side in (1, -1):
            if side * np.sin(self.heading) < -0.8:
                continue
            top = b.chest + b.left * side * 0.115 * self.thick + b.forward * 0.06
            low = b.chest * 0.45 + b.pelvis * 0.55 + b.left * side * 0.135 * self.thick + b.forward * 0.10 * self.thick
            self.limb(top, low, (0.022, 0.02), plain(COLOURS[self.person.bag_colour]), BAG)

    def strap(self) -> None:
        """A shoulder bag's strap across chest or back."""
        b = self.bones
        out = b.forward * 0.115 * self.thick * (1 if np.cos(self.heading) >= 0 else -1)
        top = b.chest + b.left * 0.09 * self.thick + UP * 0.03 + out * 0.4
        low = b.pelvis - b.left * 0.16 * self.thick + UP * 0.1 + out * 0.7
        middle = (top + low) / 2 + out * 0.35
        for a, c in ((top, middle), (middle, low)):
            self.limb(a, c, (0.016, 0.016), plain(COLOURS[self.person.bag_colour]), BAG)

    def suitcase(self, place: Vector) -> None:
        """A trolley behind the right hand."""
        hx, hy, _ = self.view.project(self.bones.hands[1])
        x, y, s = self.view.project(place)
        grey = plain((0.35, 0.35, 0.37))
        capsule(self.canvas, (hx, hy), (x, y - 0.22 * s), (0.012 * s, 0.012 * s), grey, self.label + BAG)
        width = float(np.hypot(0.17 * np.cos(self.heading), 0.11 * np.sin(self.heading)))
        box(
            self.canvas,
            (x, y),
            (width * s, 0.29 * s),
            0.04 * s,
            plain(COLOURS[self.person.bag_colour]),
            self.label + BAG,
        )


def _colour(value: NDArray[np.float32]) -> tuple[float, float, float]:
    return float(value[0]), float(value[1]), float(value[2])
