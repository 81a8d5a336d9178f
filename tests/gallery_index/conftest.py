"""Galleries to test against: the same contract tests run on every kind.

Milvus is tested where REID_TEST_MILVUS names a server, as `make test-milvus` does: milvus://HOST:PORT.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery_index import Galleries, Gallery, connect
from reid_contract import EmbeddingSpec

DIM = 16
SPEC = EmbeddingSpec("tiny-0123456789ab", DIM)
MILVUS = os.environ.get("REID_TEST_MILVUS")


@pytest.fixture(params=["file", pytest.param("milvus", marks=pytest.mark.milvus)])
def galleries(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Galleries]:
    if request.param == "milvus" and not MILVUS:
        pytest.skip("REID_TEST_MILVUS is not set; `make test-milvus` sets it")
    opened = connect(MILVUS or "") if request.param == "milvus" else connect(f"file:{tmp_path}", durability="process")
    if request.param == "milvus":
        for name in opened.names():
            opened.drop(name, by="test")
    yield opened
    opened.close()


@pytest.fixture
def gallery(galleries: Galleries) -> Gallery:
    return galleries.create("people", SPEC, by="test")
