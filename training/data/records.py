"""A data set, whatever its layout on disk: three lists of labelled crops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

DISTRACTOR = 0  # Market-1501's label for crops of nobody in the query set: in the gallery, right for no query


class DatasetError(ValueError):
    """A data set on disk is not what it should be; the message names the folder or file and what was expected."""


class Record(NamedTuple):
    """One crop. person_id: the data set's own label, 1 or above, or DISTRACTOR. camera_id: an integer."""

    path: Path
    person_id: int
    camera_id: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """train is for fitting; query is searched in gallery. In evaluation a gallery crop of the same person on the same
    camera as the query counts neither as right nor as wrong. Crops labelled junk (-1) are left out already.

    name: as given on the command line. licence: terms of use, in words, for the model card. synthetic: drawn, or
    altered by `make-partial` / `make-occluded`; said wherever a figure of it is shown.
    """

    name: str
    train: tuple[Record, ...]
    query: tuple[Record, ...]
    gallery: tuple[Record, ...]
    licence: str
    synthetic: bool = False
