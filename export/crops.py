"""Crops to calibrate an int8 file with and to verify any file on: real ones where there are some, else drawn ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid_contract import PreprocessSpec, preprocess
from training.data.crops import SUFFIXES, read_crop
from training.data.records import Dataset
from training.data.synthetic import draw_cameras, draw_crop, draw_people

Pixels = NDArray[np.uint8]
CALIBRATION_CROPS = 256
VERIFICATION_CROPS = 64
LEAST_CALIBRATION_CROPS = 40  # of a folder, a fifth of which is held out: fewer vouch for nothing
DRAWN_CROPS = 24  # drawing one takes a tenth of a second
_PEOPLE, _CAMERAS = 16, 4


class Crops(NamedTuple):
    """pixels: (N, H, W, 3) uint8 RGB of the model's size. source: where they come from, in words."""

    pixels: Pixels
    source: str

    @property
    def digest(self) -> str:
        """Equal for equal pixels."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()


def images_below(folder: Path) -> list[Path]:
    """Every image file in a folder and below it, sorted. Raises ValueError where there is none."""
    if not folder.is_dir():
        raise NotADirectoryError(f"--calibration is {folder}, which is not a folder")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"--calibration is {folder}, where no image lies; allowed: {', '.join(sorted(SUFFIXES))}")
    return files


def calibration_crops(folder: Path | None, dataset: Dataset | None, spec: PreprocessSpec) -> Crops:
    """Up to 256 real crops: of the folder, or of the data set's training split. Raises ValueError without both."""
    if folder is not None:
        found = images_below(folder)
        if len(found) < LEAST_CALIBRATION_CROPS:
            raise ValueError(
                f"--calibration is {folder} with {len(found)} images; "
                f"allowed for int8: {LEAST_CALIBRATION_CROPS} or more"
            )
        files = split(found)[0]
        return Crops(load(files, spec), f"{len(files)} crops of the folder {folder.name}")
    if dataset is not None and dataset.train:
        files = shuffled([record.path for record in dataset.train])[:CALIBRATION_CROPS]
        return Crops(load(files, spec), f"{len(files)} training crops of {dataset.name}")
    raise ValueError("int8 needs real crops to set its ranges: give --calibration DIR, or --dataset NAME --data ROOT")


def verification_crops(folder: Path | None, dataset: Dataset | None, spec: PreprocessSpec) -> Crops:
    """Crops that calibration does not see: the data set's queries, others of the folder, or drawn people."""
    if dataset is not None and dataset.query:
        files = shuffled([record.path for record in dataset.query])[:VERIFICATION_CROPS]
        return Crops(load(files, spec), f"{len(files)} query crops of {dataset.name}")
    if folder is not None:
        files = split(images_below(folder))[1]
        return Crops(load(files, spec), f"{len(files)} other crops of the folder {folder.name}")
    return Crops(drawn(DRAWN_CROPS, spec), f"{DRAWN_CROPS} drawn crops")


def split(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(to calibrate with, to verify on): a fifth is held out, of a single file both are made."""
    mixed = shuffled(files)
    held_out = min(VERIFICATION_CROPS, len(mixed) // 5) or 1
    return (mixed[held_out:] or mixed)[:CALIBRATION_CROPS], mixed[:held_out]


def shuffled(files: Sequence[Path]) -> list[Path]:
    """The same files give the same order, whatever order they came in."""
    mixed = sorted(files)
    random.Random(0).shuffle(mixed)
    return mixed


def load(files: Sequence[Path], spec: PreprocessSpec) -> Pixels:
    """(N, H, W, 3) uint8. Raises ValueError naming the first file that cannot be read."""
    return np.stack([preprocess(read_crop(file), spec) for file in files])


def drawn(count: int, spec: PreprocessSpec, seed: int = 0) -> Pixels:
    """(count, H, W, 3) uint8 of drawn people, the same for the same seed."""
    rng = np.random.default_rng(seed)
    people, cameras = draw_people(_PEOPLE, seed), draw_cameras(_CAMERAS, seed)
    return np.stack(
        [preprocess(draw_crop(people[i % _PEOPLE], cameras[i % _CAMERAS], rng).image, spec) for i in range(count)]
    )
