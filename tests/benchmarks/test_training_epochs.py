"""docs/training.md says what the epochs measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "benchmarks/training").glob("epoch-*.json")), ids=lambda file: file.stem
)
def test_the_document_has_the_figures_of_the_results(file: Path) -> None:
    result = json.loads(file.read_text(encoding="utf-8"))
    row = (
        f"| {result['size'][0]}×{result['size'][1]} | {result['crops_per_second']} | {result['bare_crops_per_second']} "
        f"| {result['share_of_bare']:.3f} | {100 * result['waited_share']:.2f} % |"
    )
    assert row in (ROOT / "docs/training.md").read_text(encoding="utf-8")
