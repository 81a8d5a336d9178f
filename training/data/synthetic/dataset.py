"""A whole data set of drawn people: folders of crops, and a manifest that knows everything about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from training.data.synthetic.crop import Crop, draw_crop
from training.data.synthetic.occluders import KINDS
from training.data.synthetic.view import Camera, as_jpeg, draw_cameras
from training.data.synthetic.wardrobe import Person, draw_people

Split = Literal["train", "query", "gallery"]
SPLITS = get_args(Split)
MANIFEST = "manifest.jsonl"
_UNFINISHED = f"{MANIFEST}.unfinished"  # what a drawing that has not ended may have left
DAY = datetime(2026, 5, 12, 7, 0, tzinfo=UTC)
HOURS = 13
HALF_HIDDEN = 0.4
"""Share of train and gallery crops with something in front; every query has."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One crop to draw. index: of the person's sightings, from 1, in the order of time over each split."""

    split: Split
    person: Person
    camera: Camera
    index: int
    captured_at: datetime
    half_hidden: bool

    @property
    def path(self) -> str:
        """Relative to the data set's folder, as Market-1501 names its crops: person, camera, index."""
        return f"{self.split}/{self.person.number:04d}_c{self.camera.number}_{self.index:04d}.jpg"


def draw_dataset(
    out: Path,
    people: int = 60,
    cameras: int = 6,
    sightings_per_person: int = 10,
    seed: int = 1,
    *,
    train_share: float = 0.5,
    queries_per_person: int = 1,
    height: int = 256,
    width: int = 128,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Draws a data set into `out`; returns the number of crops.

    What an earlier drawing left in `out` and this one does not draw again is removed.
    The first `train_share` of the people make up train/ (their queries too); the others query/ and gallery/, where each
    query is half hidden and its person is in the gallery on another camera at least once. The same arguments give the
    same bytes. A drawing that was interrupted is no data set, and can be drawn anew. progress: called with (done, of).
    Raises ValueError for numbers that make no data set, and FileExistsError if `out` is a folder with something else in
    it.
    """
    _check(people, cameras, sightings_per_person, train_share, queries_per_person)
    out = Path(out)
    earlier = _drawn_before(out)
    persons, views = draw_people(people, seed), draw_cameras(cameras, seed)
    plan = list(_plan(persons, views, sightings_per_person, queries_per_person, train_share, seed))
    for split in SPLITS:
        (out / split).mkdir(parents=True, exist_ok=True)
    _begin(out, earlier, [sighting.path for sighting in plan])
    rows = []
    for done, sighting in enumerate(plan):
        crop = draw_sighting(sighting, persons, seed, height=height, width=width)
        (out / sighting.path).write_bytes(as_jpeg(crop.image, sighting.camera.quality))
        rows.append(json.dumps(describe(sighting, crop)))
        if progress:
            progress(done + 1, len(plan))
    (out / "README").write_text(_readme(people, cameras, len(plan), seed), encoding="utf-8")
    (out / MANIFEST).write_text("\n".join(rows) + "\n", encoding="utf-8")
    (out / _UNFINISHED).unlink()
    return len(plan)


def draw_sighting(sighting: Sighting, persons: list[Person], seed: int, *, height: int = 256, width: int = 128) -> Crop:
    """Draws one planned sighting; every one has random numbers of its own."""
    key = (seed, 3, sighting.person.number, SPLITS.index(sighting.split), sighting.index)
    rng = np.random.default_rng(key)
    occluder = None
    if sighting.half_hidden:
        occluder = str(rng.choice([*KINDS, "pedestrian", "pedestrian", "cut off", "cut off"]))
    others = [p for p in persons if p.number != sighting.person.number]
    if occluder == "pedestrian" and not others:
        occluder = "cabinet"
    return draw_crop(
        sighting.person,
        sighting.camera,
        rng,
        scene_seed=seed,
        occluder=occluder,
        passers_by=others,
        height=height,
        width=width,
        light=_daylight(sighting.captured_at),
    )


def describe(sighting: Sighting, crop: Crop) -> dict[str, Any]:
    """One line of the manifest."""
    return {
        "path": sighting.path,
        "split": sighting.split,
        "person": sighting.person.number,
        "camera": sighting.camera.number,
        "captured_at": sighting.captured_at.isoformat().replace("+00:00", "Z"),
        "attributes": sighting.person.attributes(),
        "keypoints": [[round(float(x), 2), round(float(y), 2)] for x, y in crop.keypoints],
        "visibility": crop.visibility.tolist(),
        "occluded": crop.occluded,
        "occluder": crop.occluder,
    }


def read_manifest(root: Path) -> list[dict[str, Any]]:
    """The manifest's rows. Raises FileNotFoundError or ValueError that names the file and line."""
    path = Path(root) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `python -m training.data.synthetic {root}` writes it")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}, is not JSON: {error}") from error
    return rows


def _drawn_before(out: Path) -> set[str]:
    """Crops of an earlier drawing there, finished or not. Raises FileExistsError for a folder with something else."""
    files = [file for file in (out / MANIFEST, out / _UNFINISHED) if file.is_file()]
    if not files and out.is_dir() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty and holds no {MANIFEST}; choose another folder")
    try:
        return {json.loads(line)["path"] for file in files for line in file.read_text(encoding="utf-8").splitlines()}
    except (ValueError, KeyError, TypeError):
        raise FileExistsError(f"{out} holds a {MANIFEST} of something else; choose another folder") from None


def _begin(out: Path, earlier: set[str], planned: list[str]) -> None:
    """Removes the crops of an earlier drawing that will not be drawn over, else one number would be two people, some of
    them in training and in the gallery; and its manifest, which is not true of what follows."""
    crops = {path.relative_to(out).as_posix(): path for split in SPLITS for path in (out / split).iterdir()}
    for name in earlier.difference(planned) & crops.keys():
        crops[name].unlink()
    lines = (json.dumps({"path": path}) for path in planned)
    (out / _UNFINISHED).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / MANIFEST).unlink(missing_ok=True)


def _plan(
    persons: list[Person], cameras: list[Camera], sightings: int, queries: int, train_share: float, seed: int
) -> Iterator[Sighting]:
    """Who is seen where and when: each person walks from camera to camera in the course of the day."""
    in_train = round(len(persons) * train_share)
    for person in persons:
        rng = np.random.default_rng((seed, 4, person.number))
        train = person.number <= in_train
        route = _route(rng, len(cameras), sightings)
        times = sorted(DAY + timedelta(seconds=int(s)) for s in _moments(rng, sightings))
        for i, (stop, moment) in enumerate(zip(route, times, strict=True)):
            hidden = bool(rng.random() < HALF_HIDDEN)
            yield Sighting("train" if train else "gallery", person, cameras[stop], i + 1, moment, hidden)
        for i in range(queries):
            moment = DAY + timedelta(seconds=int(rng.integers(HOURS * 3600)))
            camera = cameras[int(rng.integers(len(cameras)))]
            if len(cameras) > 1 and set(route) == {camera.number - 1}:
                camera = cameras[camera.number % len(cameras)]
            index = sightings + i + 1 if train else i + 1
            yield Sighting("train" if train else "query", person, camera, index, moment, True)


def _route(rng: np.random.Generator, cameras: int, sightings: int) -> list[int]:
    """Camera numbers from 0: all of them before one comes again."""
    rounds = [rng.permutation(cameras) for _ in range(-(-sightings // cameras))]
    return [int(stop) for stop in np.concatenate(rounds)[:sightings]]


def _moments(rng: np.random.Generator, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds after the day's start, in two or three outings."""
    outings = rng.uniform(0, HOURS * 3600 - 3600, int(rng.integers(2, 4)))
    return np.asarray(outings[rng.integers(0, len(outings), count)] + rng.uniform(0, 3500, count))


def _daylight(moment: datetime) -> float:
    """Brightness of the hour, 1 from ten to four."""
    hour = moment.hour + moment.minute / 60
    return float(np.interp(hour, (7, 9.5, 16.5, 20), (0.84, 1.0, 1.0, 0.74)))


def _check(people: int, cameras: int, sightings: int, train_share: float, queries: int) -> None:
    for name, value, low, high in (
        ("people", people, 1, 9999),
        ("cameras", cameras, 1, 99),
        ("sightings_per_person", sightings, 1, 9999),
        ("queries_per_person", queries, 0, 999),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; allowed: {low} to {high}")
    if queries and cameras < 2:
        raise ValueError(f"cameras is {cameras}; allowed: 2 or more, for queries are matched across cameras")
    if not 0 <= train_share <= 1:
        raise ValueError(f"train_share is {train_share}; allowed: 0 to 1")


def _readme(people: int, cameras: int, crops: int, seed: int) -> str:
    return (
        "Drawn people. Nobody in these pictures exists: a program drew them.\n\n"
        f"{people} people, {cameras} cameras, {crops} crops, seed {seed}.\n"
        "Made by `python -m training.data.synthetic`, Apache-2.0, as the program is.\n"
        f"{MANIFEST}: one line of JSON for each crop: person, camera, time, clothes, 17 COCO key points "
        "(x, y in pixels),\n"
        "visibility (0 outside the crop, 1 hidden, 2 seen), and the share of the person that is hidden.\n"
        "Figures measured on these crops say that a pipeline works, and nothing about real cameras.\n"
    )
