"""Finds the folders of a published layout, and says what was expected where they are missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.crops import SUFFIXES
from training.data.records import DatasetError, Record

JUNK = (
    -1
)  # Market-1501's label for crops that are neither right nor wrong: they leave the gallery before it is searched


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set as its authors publish it.

    title: its name in messages. published: folder names it is known to unpack to. required: folders that must be
    there. picture: the layout as drawn in error messages, below the root.
    """

    title: str
    published: tuple[str, ...]
    required: tuple[str, ...]
    picture: str

    def find(self, root: Path) -> Path:
        """The folder that holds `required`: root itself, or a published folder name inside it.

        Raises DatasetError showing what is missing and the layout that was expected.
        """
        candidates = [root, *(root / name for name in self.published)]
        for candidate in candidates:
            if all((candidate / folder).is_dir() for folder in self.required):
                return candidate
        nearest = next((c for c in reversed(candidates) if c.is_dir()), None)
        if nearest is None:
            raise DatasetError(f"{root} is not a folder. {self.expected()}")
        missing = ", ".join(f for f in self.required if not (nearest / f).is_dir())
        raise DatasetError(f"{nearest} has no folder {missing}. {self.expected()}")

    def expected(self) -> str:
        """The layout in words and as a picture."""
        return f"{self.title} is expected as:\n{self.picture.strip(chr(10))}"


def images_in(folder: Path, *, below: bool = False) -> list[Path]:
    """The folder's image files in order of their names; with `below`, those of its subfolders too."""
    files = folder.rglob("*") if below else folder.iterdir()
    return sorted(f for f in files if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def records_by_name(files: Sequence[Path], pattern: re.Pattern[str], example: str) -> Iterator[Record]:
    """Reads person and camera from each file name; `pattern` has the groups `person` and `camera`.

    Yields junk too, as JUNK. Raises DatasetError naming the first file whose name says something else.
    """
    for file in files:
        match = pattern.match(file.name)
        if match is None:
            raise DatasetError(f"{file}: person and camera cannot be read from its name; expected one like {example}")
        yield Record(file, int(match["person"]), int(match["camera"]))


def without_junk(records: Sequence[Record]) -> tuple[Record, ...]:
    """The records that count in an evaluation."""
    return tuple(record for record in records if record.person_id != JUNK)
