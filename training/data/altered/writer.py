"""Writes an altered copy of a data set, with a manifest of what was done to which crop."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from training.data.datasets import CSV_COLUMNS, DATASET_FILE, MANIFEST
from training.data.records import Dataset, DatasetError, Record


@dataclass(frozen=True, slots=True)
class Altered:
    """A changed crop, and what was done to it in columns of the manifest."""

    image: Image.Image
    facts: Mapping[str, str | float | int] = field(default_factory=dict)


# Split, index in the split, record -> the changed crop, or None where it stays as it is.
Alter = Callable[[str, int, Record], Altered | None]
WrapProgress = Callable[[Sequence[Record], str], Iterator[Record]]


def write_altered(
    dataset: Dataset,
    splits: Sequence[str],
    output: Path,
    alter: Alter,
    *,
    columns: Sequence[str],
    about: Mapping[str, Any],
    progress: WrapProgress,
) -> int:
    """Writes `output`, which `load_dataset` reads back as `folder` or `csv`, with synthetic=True.

    Unchanged crops are copied byte for byte, changed ones are PNG, so that no second compression tells them apart.
    The folder appears when all of it is written. columns: of the manifest, beside path, person, camera and source.
    about: goes into dataset.json. Returns how many crops were changed. Raises DatasetError where `output` exists or a
    crop cannot be read.
    """
    if output.exists():
        raise DatasetError(f"{output} exists already; choose a new folder")
    unfinished = output.with_name(f"{output.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    changed = 0
    with (unfinished / MANIFEST).open("w", newline="", encoding="utf-8") as stream:
        manifest = csv.DictWriter(stream, [*CSV_COLUMNS, "source", "altered", *columns], restval="")
        manifest.writeheader()
        for split in splits:
            (unfinished / split).mkdir()
            for index, record in enumerate(progress(getattr(dataset, split), split)):
                altered = alter(split, index, record)
                changed += altered is not None
                manifest.writerow(_write_crop(unfinished, split, index, record, altered))
    text = json.dumps({"synthetic": True, "licence": dataset.licence, "made_of": dataset.name, **about}, indent=2)
    (unfinished / DATASET_FILE).write_text(text + "\n", encoding="utf-8")
    unfinished.rename(output)
    return changed


def _write_crop(
    root: Path, split: str, index: int, record: Record, altered: Altered | None
) -> dict[str, str | float | int]:
    """Writes one crop; returns its row of the manifest."""
    suffix = record.path.suffix.lower() if altered is None else ".png"
    path = Path(split) / f"{record.person_id:04d}_c{record.camera_id}_{index:05d}{suffix}"
    if altered is None:
        shutil.copyfile(record.path, root / path)
    else:
        altered.image.save(root / path)
    return {
        "split": split,
        "path": path.as_posix(),
        "person_id": record.person_id,
        "camera_id": record.camera_id,
        "source": f"{record.path.parent.name}/{record.path.name}",
        "altered": "no" if altered is None else "yes",
        **(altered.facts if altered else {}),
    }
