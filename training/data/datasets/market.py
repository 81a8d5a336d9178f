"""Market-1501 and the data sets that are published in its layout: DukeMTMC-reID, Occluded-Duke and CUHK03-NP."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from training.data.datasets.counts import Counts, check_counts
from training.data.datasets.folders import Layout, images_in, records_by_name, without_junk
from training.data.records import Dataset, Record

_PICTURE = """
  ROOT/bounding_box_train/{example}   for training
  ROOT/query/…                        searched in
  ROOT/bounding_box_test/…            the gallery
(PERSON_cCAMERA…; person -1 is junk, 0000 a distractor)
"""
_NAME = re.compile(r"(?P<person>-?\d+)_c(?P<camera>\d+)")


@dataclass(frozen=True, slots=True)
class MarketLayout:
    """One data set in Market-1501's layout. Counts are those of Table 1: gallery images include junk."""

    name: str
    title: str
    published: tuple[str, ...]
    example: str
    train: Counts
    query: Counts
    gallery: Counts
    licence: str

    def load(self, root: Path) -> Dataset:
        """Reads the three folders. Raises DatasetError; warns where the counts are not Table 1's."""
        layout = Layout(
            self.title,
            self.published,
            ("bounding_box_train", "query", "bounding_box_test"),
            _PICTURE.format(example=self.example),
        )
        home = layout.find(root)
        train = self._split(home / "bounding_box_train", "train", self.train)
        query = self._split(home / "query", "query", self.query)
        gallery = self._split(home / "bounding_box_test", "gallery", self.gallery)
        return Dataset(self.name, train, query, gallery, self.licence)

    def _split(self, folder: Path, split: str, published: Counts) -> tuple[Record, ...]:
        records = list(records_by_name(images_in(folder), _NAME, self.example))
        check_counts(self.title, split, records, published)
        return without_junk(records)


_DUKE_LICENCE = (
    "DukeMTMC was withdrawn by its authors in 2019 over the consent of those filmed; "
    "for research already licensed to you, non-commercial, attribution"
)

MARKET1501 = MarketLayout(
    name="market1501",
    title="Market-1501",
    published=("Market-1501-v15.09.15", "market1501", "Market-1501"),
    example="0002_c1s1_000451_03.jpg",
    train=Counts(751, 12_936),
    query=Counts(750, 3_368),
    gallery=Counts(750, 19_732),
    licence="Market-1501: for academic research, non-commercial, by its authors' terms",
)
DUKEMTMC = MarketLayout(
    name="dukemtmc",
    title="DukeMTMC-reID",
    published=("DukeMTMC-reID", "dukemtmc-reid"),
    example="0001_c2_f0046182.jpg",
    train=Counts(702, 16_522),
    query=Counts(702, 2_228),
    gallery=Counts(1_110, 17_661),
    licence=_DUKE_LICENCE,
)
OCCLUDED_DUKE = MarketLayout(
    name="occluded-duke",
    title="Occluded-Duke",
    published=("Occluded_Duke", "Occluded-DukeMTMC-reID", "occluded_duke"),
    example="0001_c2_f0046182.jpg",
    train=Counts(702, 15_618),
    query=Counts(519, 2_210),
    gallery=Counts(1_110, 17_661),
    licence=_DUKE_LICENCE,
)
# The new protocol of CUHK03 (767 persons for training, 700 for testing), whose authors publish it in Market's layout,
# once with detected and once with hand-drawn boxes. ROOT may be either; from the folder above, the detected are taken.
CUHK03 = MarketLayout(
    name="cuhk03",
    title="CUHK03-NP (detected)",
    published=("detected", "cuhk03-np/detected", "CUHK03-NP/detected"),
    example="0003_c1_21.png",
    train=Counts(767, 7_365),
    query=Counts(700, 1_400),
    gallery=Counts(700, 5_332),
    licence="CUHK03: for academic research, non-commercial, by its authors' terms",
)
CUHK03_LABELED = replace(
    CUHK03, title="CUHK03-NP (labeled)", train=Counts(767, 7_368), gallery=Counts(700, 5_328), published=()
)


def load_cuhk03(root: Path) -> Dataset:
    """CUHK03-NP; a root named `labeled` holds the hand-drawn boxes. Raises DatasetError."""
    return (CUHK03_LABELED if root.resolve().name == "labeled" else CUHK03).load(root)
