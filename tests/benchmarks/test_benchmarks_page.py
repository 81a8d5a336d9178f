"""docs/benchmarks.md is what the committed results say."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.page.__main__ import page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m benchmarks.page docs/benchmarks.md"


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
