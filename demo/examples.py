"""Example queries, one click away on the page. A file's name is what the page shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from demo.crops import Sighting
from reid_contract import BadImage, decode
from training.data.synthetic import read_manifest

MANY = 24
_HIDDEN = (0.2, 0.7)
_WORDS = {"cut off": "cut off", "pedestrian": "behind a passer-by"}


def half_hidden(people: Path, folder: Path) -> None:
    """Drawn queries, one kind of hiding after the other: `07 person 31 behind a bench.jpg`."""
    if folder.is_dir():
        return
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for number, row in enumerate(list(_in_turns(people))[:MANY], 1):
        words = _WORDS.get(row["occluder"], f"behind a {row['occluder']}")
        shutil.copy(people / row["path"], part / f"{number:02d} person {row['person']:02d} {words}.jpg")
    part.rename(folder)


def some_of(sightings: Sequence[Sighting], folder: Path) -> None:
    """A few of the user's own crops, spread over all of them; in place of one that cannot be read, the next."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    step = max(len(sightings) // MANY, 1)
    for number in range(min(len(sightings), MANY)):
        paths = (sighting.path for sighting in sightings[number * step : (number + 1) * step])
        if path := next(filter(_can_be_read, paths), None):
            # numbered, as one name may be in several folders; cut, as a whole path is too long for a name
            shutil.copy(path, folder / f"{number + 1:02d} {path.stem[:60]}{path.suffix}")


def _can_be_read(path: Path) -> bool:
    """As the service would read it."""
    try:
        decode(path.read_bytes())
    except BadImage:
        return False
    return True


def _in_turns(people: Path) -> Iterator[dict[str, Any]]:
    """Queries that show neither nearly all nor nearly nothing of the person: one of each kind, then the next."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in read_manifest(people):
        if row["split"] == "query" and _HIDDEN[0] <= row["occluded"] <= _HIDDEN[1]:
            by_kind.setdefault(row["occluder"], []).append(row)
    for turn in zip_longest(*by_kind.values()):
        yield from (row for row in turn if row is not None)
