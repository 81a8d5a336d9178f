"""Data sets of one's own: a folder of named crops, and a CSV manifest for crops that lie and are named anyhow."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.data.datasets.folders import JUNK, images_in, records_by_name, without_junk
from training.data.records import DISTRACTOR, Dataset, DatasetError, Record

DATASET_FILE = "dataset.json"
MANIFEST = "manifest.csv"
SPLITS = ("train", "query", "gallery")
CSV_COLUMNS = ("split", "path", "person_id", "camera_id")

UNKNOWN_LICENCE = "not stated"
_NAME = re.compile(r"(?P<person>-?\d+)_c(?P<camera>\d+)")
_NUMBER = re.compile(r"-?\d+")
_EXAMPLE = "0002_c1_anything.jpg"
_FOLDER = f"""A folder data set is expected as:
  ROOT/train/{_EXAMPLE}     PERSON_cCAMERA…, in subfolders or not;
  ROOT/query/…                         person 0 is a distractor, -1 junk
  ROOT/gallery/…
  ROOT/{DATASET_FILE}                    optional: {{"licence": "…", "synthetic": false}}
with train, or query and gallery, or all three"""
_CSV = f"""A CSV data set is expected as:
  ROOT.csv, or ROOT/{MANIFEST}, with the columns {",".join(CSV_COLUMNS)}
  split: {", ".join(SPLITS)}; path: of the crop, relative to the CSV file; person_id, camera_id: numbers, or any names
  (person 0 is a distractor, -1 junk)"""


def load_folder(root: Path, name: str = "folder") -> Dataset:
    """Reads ROOT/{train,query,gallery}, persons and cameras from file names. Raises DatasetError."""
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder. {_FOLDER}")
    splits = {split: _folder_split(root / split) for split in SPLITS}
    _check_splits(root, splits, _FOLDER)
    return _dataset(name, splits, root / DATASET_FILE)


def load_synthetic(root: Path) -> Dataset:
    """A folder of drawn people, as `python -m training.data.synthetic` writes it."""
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder; `python -m training.data.synthetic {root}` draws one")
    dataset = load_folder(root, "synthetic")
    licence = "drawn people, of whom none exists" if dataset.licence == UNKNOWN_LICENCE else dataset.licence
    return replace(dataset, synthetic=True, licence=licence)


def load_csv(root: Path) -> Dataset:
    """Reads a manifest with the columns split, path, person_id, camera_id. Raises DatasetError naming file and line.

    Persons and cameras are whole numbers or names. Cameras with names are numbered from 1 in alphabetical order; a
    person's number is made of the name alone, so that rows that are added do not change who is held out.
    """
    file = root / MANIFEST if root.is_dir() else root
    if not file.is_file():
        raise DatasetError(f"{file} does not exist. {_CSV}")
    rows = _rows(file)
    cameras = _cameras([row["camera_id"] for row in rows])
    splits: dict[str, list[Record]] = {split: [] for split in SPLITS}
    for row in rows:
        record = Record(file.parent / row["path"], _person(row["person_id"]), cameras[row["camera_id"]])
        splits[row["split"]].append(record)
    _check_splits(file, splits, _CSV)
    return _dataset("csv", splits, file.with_name(DATASET_FILE))


def _folder_split(folder: Path) -> list[Record]:
    if not folder.is_dir():
        return []
    return list(records_by_name(images_in(folder, below=True), _NAME, _EXAMPLE))


def _dataset(name: str, splits: Mapping[str, Sequence[Record]], about_file: Path) -> Dataset:
    about = _about(about_file)
    train, query, gallery = (without_junk(splits[split]) for split in SPLITS)
    licence = str(about.get("licence", UNKNOWN_LICENCE))
    return Dataset(name, train, query, gallery, licence, synthetic=bool(about.get("synthetic", False)))


def _about(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{file} is not JSON: {error}") from error
    if not isinstance(about, dict):
        raise DatasetError(f"{file} is {type(about).__name__}; expected a JSON object")
    return about


def _rows(file: Path) -> list[dict[str, str]]:
    rows = []
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if missing := [c for c in CSV_COLUMNS if c not in (reader.fieldnames or ())]:
                raise DatasetError(f"{file} has no column {', '.join(missing)}. {_CSV}")
            for row in reader:
                _check_row(f"{file}, line {reader.line_num}", row, file.parent)
                rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} is not CSV in UTF-8: {error}") from error
    return rows


def _check_row(where: str, row: Mapping[str, str | None], home: Path) -> None:
    if empty := [column for column in CSV_COLUMNS if not row[column]]:
        raise DatasetError(f"{where}: {', '.join(empty)} is empty")
    if row["split"] not in SPLITS:
        raise DatasetError(f"{where}: split is {row['split']!r}; allowed: {', '.join(SPLITS)}")
    if not (home / str(row["path"])).is_file():
        raise DatasetError(f"{where}: there is no file {home / str(row['path'])}")


def _cameras(values: Sequence[str]) -> dict[str, int]:
    names = sorted(set(values))
    if all(map(_NUMBER.fullmatch, names)):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names, start=1)}


def _person(name: str) -> int:
    """A number stands for itself, 0 and -1 among names too; a name's is from 1 to 2^48."""
    if _NUMBER.fullmatch(name):
        return int(name)
    return 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def _check_splits(root: Path, splits: Mapping[str, Sequence[Record]], expected: str) -> None:
    """What every data set must be: something to train on, or something to search in something."""
    if bool(splits["query"]) != bool(splits["gallery"]):
        empty = "gallery" if splits["query"] else "query"
        raise DatasetError(f"{root} has no crops in its {empty}: a query is searched in a gallery. {expected}")
    if not any(splits.values()):
        raise DatasetError(f"{root} holds no crops. {expected}")
    if nobody := next((r for r in splits["query"] if r.person_id == DISTRACTOR), None):
        raise DatasetError(f"{nobody.path}: person_id of a query is 0, a distractor, right for nobody; allowed: 1 …")
    for records in splits.values():
        if wrong := next((r for r in records if r.person_id < JUNK), None):
            raise DatasetError(f"{wrong.path}: person_id is {wrong.person_id}; allowed: -1 (junk), 0 (distractor), 1 …")
