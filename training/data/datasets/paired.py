"""Data sets of occluded or partial crops in one folder and whole-body crops in another, without camera numbers.

Their protocol: the occluded or partial crops are the queries, the whole-body crops the gallery, and none is left out.
So queries are given camera 1 and the gallery camera 2: no crop counts as taken by the query's own camera.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from training.data.datasets.counts import Counts, check_counts
from training.data.datasets.folders import Layout, images_in
from training.data.records import Dataset, DatasetError, Record

_NAME = re.compile(r"(?P<person>\d+)(?!\d)")
_QUERY_CAMERA, _GALLERY_CAMERA = 1, 2


class Part(NamedTuple):
    """Folders of one split, each with the camera number its crops are given, and the published counts."""

    folders: tuple[tuple[str, int], ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class PairedLayout:
    """One such data set. example: a crop's path below its folder; its name begins with the person."""

    name: str
    title: str
    published: tuple[str, ...]
    example: str
    query: Part
    gallery: Part
    licence: str
    train: Part | None = None

    def load(self, root: Path) -> Dataset:
        """Reads the folders. Raises DatasetError; warns where the counts are not the published ones."""
        home = self._layout().find(root)
        train = self._split(home, "train", self.train) if self.train else ()
        query = self._split(home, "query", self.query)
        gallery = self._split(home, "gallery", self.gallery)
        return Dataset(self.name, train, query, gallery, self.licence)

    def _layout(self) -> Layout:
        uses = (("for training", self.train), ("searched in", self.query), ("the gallery", self.gallery))
        folders = [(folder, use) for use, part in uses if part for folder, _ in part.folders]
        picture = "\n".join(f"  {f'ROOT/{folder}/{self.example}':<56} {use}" for folder, use in folders)
        return Layout(self.title, self.published, tuple(folder for folder, _ in folders), picture)

    def _split(self, home: Path, split: str, part: Part) -> tuple[Record, ...]:
        records = [r for folder, camera in part.folders for r in self._records(home / folder, camera)]
        check_counts(self.title, split, records, part.counts)
        return tuple(records)

    def _records(self, folder: Path, camera: int) -> Iterator[Record]:
        for file in images_in(folder, below=True):
            match = _NAME.match(file.name)
            if match is None:
                raise DatasetError(f"{file}: the person cannot be read from its name; expected one like {self.example}")
            yield Record(file, int(match["person"]), camera)


P_DUKEMTMC = PairedLayout(
    name="p-dukemtmc",
    title="P-DukeMTMC-reID",
    published=("P-DukeMTMC-reid", "P-DukeMTMC-reID"),
    example="0001/0001_c2_f0046182.jpg",
    train=Part(
        (("train/occluded_body_images", _QUERY_CAMERA), ("train/whole_body_images", _GALLERY_CAMERA)),
        Counts(665, 12_927),
    ),
    query=Part((("test/occluded_body_images", _QUERY_CAMERA),), Counts(634, 2_163)),
    gallery=Part((("test/whole_body_images", _GALLERY_CAMERA),), Counts(634, 9_053)),
    licence="P-DukeMTMC-reID: non-commercial; made of DukeMTMC, which was withdrawn over the consent of those filmed",
)
OCCLUDED_REID = PairedLayout(
    name="occluded-reid",
    title="Occluded-REID",
    published=("Occluded_REID", "Occluded-REID"),
    example="001/001_01.tif",
    query=Part((("occluded_body_images", _QUERY_CAMERA),), Counts(200, 1_000)),
    gallery=Part((("whole_body_images", _GALLERY_CAMERA),), Counts(200, 1_000)),
    licence="Occluded-REID: non-commercial, by its authors' terms",
)
PARTIAL_REID = PairedLayout(
    name="partial-reid",
    title="Partial-REID",
    published=("Partial-REID_Dataset", "Partial_REID", "PartialREID"),
    example="001_001.jpg",
    query=Part((("partial_body_images", _QUERY_CAMERA),), Counts(60, 300)),
    gallery=Part((("whole_body_images", _GALLERY_CAMERA),), Counts(60, 300)),
    licence="Partial-REID: for research, by its authors' terms",
)
PARTIAL_ILIDS = PairedLayout(
    name="partial-ilids",
    title="Partial-iLIDS",
    published=("Partial_iLIDS", "PartialILIDS", "PartialiLIDS"),
    example="001.jpg",
    query=Part((("Probe", _QUERY_CAMERA),), Counts(119, 119)),
    gallery=Part((("Gallery", _GALLERY_CAMERA),), Counts(119, 119)),
    licence="Partial-iLIDS: cut from i-LIDS footage of the UK Home Office, for research by its terms",
)
