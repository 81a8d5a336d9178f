"""The gallery's document says what was measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gallery.figures import figures
from benchmarks.marks import updated

DOCUMENT = Path(__file__).parents[2] / "docs" / "gallery.md"


def test_the_document_has_the_figures_of_the_results() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert figures() in text
    assert updated(text, figures()) == text
