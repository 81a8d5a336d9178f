"""A manifest (docs/datasets.md, `csv`) for CUHK03 where it lies as labeled/{train,val}/PERSON_NN.jpg, such as
github.com/manideep2510/CUHK03_dataset: crops 00 to 04 of a person are of the first camera, the others of the second.

    python -m benchmarks.people.cuhk03 FOLDER

Writes FOLDER/manifest.csv: the persons of `train` to calibrate on; those of `val` (100), queries from the first camera,
searched among the crops of the second. It is not the protocol of CUHK03-NP, which needs lists that are not there.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

_OF_THE_FIRST_CAMERA = 5


def rows(folder: Path) -> Iterator[tuple[str, str, int, int]]:
    """(split, path below the folder, person, camera) of every crop. Raises ValueError where there are none."""
    crops = sorted(crop for split in ("train", "val") for crop in folder.glob(f"labeled/{split}/*_*.jpg"))
    if not crops:
        raise ValueError(f"{folder} has no labeled/train/PERSON_NN.jpg and labeled/val/PERSON_NN.jpg")
    for crop in crops:
        person, number = (int(part) for part in crop.stem.split("_"))
        camera = 1 if number < _OF_THE_FIRST_CAMERA else 2
        split = "train" if crop.parent.name == "train" else ("query", "gallery")[camera - 1]
        yield split, str(crop.relative_to(folder)), person + 1, camera


def main() -> int:
    parser = argparse.ArgumentParser(description="A manifest for CUHK03's labeled crops.")
    parser.add_argument("folder", type=Path, help="the one that `labeled` is in")
    folder: Path = parser.parse_args().folder
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("split", "path", "person_id", "camera_id"))
        table.writerows(rows(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
