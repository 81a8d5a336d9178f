"""What `make-partial` and `make-occluded` have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import track

from training.data.datasets import DATASETS
from training.data.records import Record


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of both commands."""
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT", help="where the data set lies")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="a new folder")
    parser.add_argument("--seed", type=int, default=0, help="the same seed alters the same crops (default 0)")


def show_progress(records: Sequence[Record], split: str) -> Iterator[Record]:
    """A bar for each split."""
    yield from track(records, split)
