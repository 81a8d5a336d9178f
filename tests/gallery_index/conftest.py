"""Galleries to test against: the same contract tests run on every kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery_index import Galleries, Gallery, connect
from reid_contract import EmbeddingSpec

DIM = 16
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)


@pytest.fixture
def galleries(tmp_path: Path) -> Iterator[Galleries]:
    opened = connect(f"file:{tmp_path / 'data'}", durability="process")
    yield opened
    opened.close()


@pytest.fixture
def gallery(galleries: Galleries) -> Gallery:
    return galleries.create("people", SPEC, by="test")
