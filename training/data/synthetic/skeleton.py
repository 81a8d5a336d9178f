"""A walking person as joints in space. Proportions after Drillis and Contini (1966), as shares of body height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

COCO_KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)

ANKLE, SHANK, THIGH = 0.045, 0.240, 0.245
HIP_HALF, SHOULDER_HALF = 0.052, 0.106
UPPER_ARM, FOREARM, HAND = 0.178, 0.146, 0.055
SHOULDER_HEIGHT, CHIN_HEIGHT, HEAD_HALF = 0.822, 0.870, 0.066
FOOT = 0.128


@dataclass(frozen=True, slots=True)
class Pose:
    """Joint angles in radians; pairs are (left, right). hip, shoulder: forward is positive. heading: 0 looks at the
    camera, pi away from it, growing to the person's left. look: the head's turn against the chest."""

    heading: float
    hip: tuple[float, float]
    knee: tuple[float, float]
    shoulder: tuple[float, float]
    elbow: tuple[float, float]
    spread: tuple[float, float]
    lean: float
    look: float


def walking(rng: np.random.Generator, heading: float) -> Pose:
    """A moment of a walk, or of standing about; now and then an arm holds a phone or a strap."""
    stride = rng.uniform(0.25, 0.5) if rng.random() < 0.8 else rng.uniform(0.0, 0.08)
    phase = rng.uniform(0, 2 * np.pi)
    swing = np.sin(phase) * stride
    hip = (swing, -swing)
    bend = [0.08 + stride * 1.5 * max(0.0, np.cos(phase + side) * 0.7 + 0.1) for side in (0.0, np.pi)]
    arm = -swing * rng.uniform(0.6, 1.1)
    shoulder, elbow = [arm, -arm], [0.2 + max(0.0, arm) * 0.9, 0.2 + max(0.0, -arm) * 0.9]
    gesture = rng.random()
    side = int(rng.integers(2))
    if gesture < 0.14:  # a phone in front of the chest
        shoulder[side], elbow[side] = rng.uniform(0.25, 0.5), rng.uniform(1.7, 2.1)
    elif gesture < 0.22:  # a hand in a pocket
        shoulder[side], elbow[side] = -0.25, 0.75
    spread = (rng.uniform(0.05, 0.16), rng.uniform(0.05, 0.16))
    return Pose(
        heading=heading,
        hip=hip,
        knee=(float(bend[0]), float(bend[1])),
        shoulder=(float(shoulder[0]), float(shoulder[1])),
        elbow=(float(elbow[0]), float(elbow[1])),
        spread=spread,
        lean=rng.uniform(0.0, 0.07),
        look=float(rng.normal(0, 0.18)),
    )


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joints in metres, (x right, y up, z towards the camera), the ground below the hips at the origin.

    Pairs are (left, right). `forward` and `left` are the chest's axes, `face` and `face_left` the head's."""

    forward: Vector
    left: Vector
    face: Vector
    face_left: Vector
    pelvis: Vector
    chest: Vector
    chin: Vector
    head: Vector
    shoulders: tuple[Vector, Vector]
    elbows: tuple[Vector, Vector]
    wrists: tuple[Vector, Vector]
    hands: tuple[Vector, Vector]
    hips: tuple[Vector, Vector]
    knees: tuple[Vector, Vector]
    ankles: tuple[Vector, Vector]
    toes: tuple[Vector, Vector]
    height: float

    def keypoints(self) -> Vector:
        """The 17 COCO key points in space, (17, 3)."""
        h = self.height
        centre, ahead, left = self.head, self.face, self.face_left
        up = np.array([0.0, 1.0, 0.0])
        nose = centre + ahead * 0.062 * h - up * 0.006 * h
        eyes = [centre + ahead * 0.052 * h + left * s * 0.019 * h + up * 0.010 * h for s in (1, -1)]
        ears = [centre + left * s * 0.044 * h + up * 0.002 * h for s in (1, -1)]
        pairs = (self.shoulders, self.elbows, self.wrists, self.hips, self.knees, self.ankles)
        return np.stack([nose, *eyes, *ears, *(joint for pair in pairs for joint in pair)])


def stand(pose: Pose, height: float, *, shoulder_scale: float = 1.0) -> Skeleton:
    """Puts a person of `height` metres into a pose, the lower foot on the ground."""
    up = np.array([0.0, 1.0, 0.0])
    forward, left = _axes(pose.heading)
    face, face_left = _axes(pose.heading + pose.look)
    down, legs = -up, []
    for hip_angle, knee_angle in zip(pose.hip, pose.knee, strict=True):
        thigh = _swing(down, forward, hip_angle) * THIGH * height
        shank = _swing(down, forward, hip_angle - knee_angle) * SHANK * height
        legs.append((thigh, shank, hip_angle - knee_angle))
    drop = max(float(-(thigh + shank)[1]) for thigh, shank, _ in legs) + ANKLE * height
    pelvis = up * drop
    spine = _swing(up, forward, pose.lean)
    chest = pelvis + spine * (SHOULDER_HEIGHT - ANKLE - SHANK - THIGH) * height
    head_up = _swing(up, forward, pose.lean * 0.5)
    chin = chest + head_up * (CHIN_HEIGHT - SHOULDER_HEIGHT) * height + forward * 0.012 * height
    head = chin + head_up * HEAD_HALF * height
    sides = (1.0, -1.0)
    hips = [pelvis + left * s * HIP_HALF * height for s in sides]
    knees = [hip + leg[0] for hip, leg in zip(hips, legs, strict=True)]
    ankles = [knee + leg[1] for knee, leg in zip(knees, legs, strict=True)]
    toes = [
        ankle + _swing(forward, up, min(0.0, leg[2] * 0.8)) * FOOT * height - up * ANKLE * 0.6 * height
        for ankle, leg in zip(ankles, legs, strict=True)
    ]
    shoulders = [chest + left * s * SHOULDER_HALF * shoulder_scale * height - up * 0.024 * height for s in sides]
    elbows, wrists, hands = [], [], []
    for i, s in enumerate(sides):
        out = down * np.cos(pose.spread[i]) + left * s * np.sin(pose.spread[i])
        elbow = shoulders[i] + _swing(out, forward, pose.shoulder[i]) * UPPER_ARM * height
        fore = _swing(out, forward, pose.shoulder[i] + pose.elbow[i]) - left * s * 0.12
        elbows.append(elbow)
        wrists.append(elbow + fore * FOREARM * height)
        hands.append(wrists[-1] + fore * HAND * height)
    return Skeleton(
        forward=forward,
        left=left,
        face=face,
        face_left=face_left,
        pelvis=pelvis,
        chest=chest,
        chin=chin,
        head=head,
        shoulders=(shoulders[0], shoulders[1]),
        elbows=(elbows[0], elbows[1]),
        wrists=(wrists[0], wrists[1]),
        hands=(hands[0], hands[1]),
        hips=(hips[0], hips[1]),
        knees=(knees[0], knees[1]),
        ankles=(ankles[0], ankles[1]),
        toes=(toes[0], toes[1]),
        height=height,
    )


def _axes(heading: float) -> tuple[Vector, Vector]:
    """Forward, and to the person's left."""
    c, s = np.cos(heading), np.sin(heading)
    return np.array([s, 0.0, c]), np.array([c, 0.0, -s])


def _swing(along: Vector, towards: Vector, angle: float) -> Vector:
    """A unit vector turned from `along` to `towards`; both at right angles or nearly so."""
    turned: Vector = along * np.cos(angle) + towards * np.sin(angle)
    return turned
