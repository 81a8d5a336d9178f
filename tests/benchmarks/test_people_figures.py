"""The results' document and the model's card say what was measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.marks import updated
from benchmarks.people.figures import card, results

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("page", "figures"), [("docs/results.md", results), ("models/market1501.md", card)])
def test_the_document_has_the_figures_of_the_results(page: str, figures: Callable[[], str]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert figures() in text
    assert updated(text, figures()) == text
