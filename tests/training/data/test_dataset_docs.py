"""docs/datasets.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from training.data.datasets import CSV_COLUMNS, DATASETS
from training.data.datasets.counts import Counts
from training.data.datasets.market import CUHK03, DUKEMTMC, MARKET1501, OCCLUDED_DUKE, MarketLayout
from training.data.datasets.paired import OCCLUDED_REID, P_DUKEMTMC, PARTIAL_ILIDS, PARTIAL_REID, PairedLayout
from training.data.synthetic.occluders import KINDS
from training.pose.estimators import ESTIMATORS

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "datasets.md").read_text(encoding="utf-8")
MARKETS = (MARKET1501, DUKEMTMC, OCCLUDED_DUKE, CUHK03)
PAIRS = (OCCLUDED_REID, P_DUKEMTMC, PARTIAL_ILIDS, PARTIAL_REID)


def cells(name: str) -> list[str]:
    """The data set's row in the first table, from the fourth column on: train, gallery, query."""
    (row,) = (line for line in DOCS.splitlines() if re.match(rf"\| .*`{name}`.* \|", line) and line.count("|") == 7)
    return [cell.strip() for cell in row.split("|")[4:7]]


def written(counts: Counts | None) -> str:
    return "–" if counts is None else f"{counts.persons:,} / {counts.images:,}"


@pytest.mark.parametrize("layout", MARKETS, ids=lambda layout: layout.name)
def test_counts_of_market_layouts(layout: MarketLayout) -> None:
    assert cells(layout.name) == [written(counts) for counts in (layout.train, layout.gallery, layout.query)]


@pytest.mark.parametrize("layout", PAIRS, ids=lambda layout: layout.name)
def test_counts_of_paired_layouts(layout: PairedLayout) -> None:
    parts = (layout.train, layout.gallery, layout.query)
    assert cells(layout.name) == [written(part.counts if part else None) for part in parts]
    for folder, _ in (pair for part in parts if part for pair in part.folders):
        assert f"ROOT/{folder}/" in DOCS


def test_every_name_is_documented() -> None:
    for name in (*DATASETS, *ESTIMATORS):
        assert f"`{name}`" in DOCS
    for word in (*CSV_COLUMNS, *KINDS):
        assert word in DOCS
