"""What the demo enrols: drawn people, or the images of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress

from reid_client import Entry
from training.data.synthetic import draw_dataset, read_manifest

CAMERAS, SIGHTINGS, SEED = 6, 10, 1
_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
_MARKET_NAME = re.compile(r"(-?\d+)_c(\d+)")


class Sighting(NamedTuple):
    """A crop on disk and what the gallery is told of it."""

    path: Path
    entry: Entry


def draw_people(folder: Path, people: int) -> None:
    """Draws them once; a folder that is complete is left as it is."""
    if (folder / "manifest.jsonl").is_file():
        return
    with Progress(transient=True) as bar:
        task = bar.add_task(f"drawing {people} people")
        draw_dataset(
            folder,
            people,
            CAMERAS,
            SIGHTINGS,
            SEED,
            train_share=0,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )


def drawn(folder: Path, split: str) -> Iterator[Sighting]:
    """The crops of "gallery" or "query", with the clothes as attributes; persons are named as in their files."""
    for row in read_manifest(folder):
        if row["split"] == split:
            path = folder / row["path"]
            yield Sighting(
                path,
                Entry(
                    id=path.stem,
                    camera_id=f"camera {row['camera']}",
                    captured_at=datetime.fromisoformat(row["captured_at"]),
                    person_id=f"person {row['person']:02d}",
                    attributes=row["attributes"],
                ),
            )


def of_folder(folder: Path) -> list[Sighting]:
    """Every image below a folder. Raises ValueError where there is none.

    Names like 0002_c1… give person and camera, as Market-1501's do; otherwise the camera is the image's folder,
    and nobody is named. The time is the file's.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if not paths:
        raise ValueError(f"{folder} holds no image ({', '.join(sorted(_ENDINGS))})")
    return [Sighting(path, _entry(path, folder)) for path in paths]


def _entry(path: Path, folder: Path) -> Entry:
    name = _MARKET_NAME.match(path.name)
    return Entry(
        id=" › ".join(part.replace("›", "››") for part in path.relative_to(folder).parts),  # so that ids differ
        camera_id=f"camera {name[2]}" if name else path.parent.name or "camera",
        captured_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        person_id=f"person {name[1]}" if name else None,
    )
