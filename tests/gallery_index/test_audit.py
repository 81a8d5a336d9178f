"""What cannot be noted is not answered and not done; and what failed half way says what became of it."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gallery_index import AuditFailed, Entry, Filter, Galleries, Gallery, StorageFailed, connect
from gallery_index.audit import AuditLog
from reid_contract import EmbeddingSpec

SPEC = EmbeddingSpec("tiny-0123456789ab", 8)


def make(number: int) -> Entry:
    return Entry(f"e{number}", "c0", datetime(2026, 1, 1, tzinfo=UTC), np.eye(1, 8, number, np.float32)[0], "p")


@pytest.fixture
def galleries(tmp_path: Path) -> Iterator[Galleries]:
    opened = connect(f"file:{tmp_path}", durability="process")
    opened.create("g", SPEC, by="test").upsert([make(1), make(2)], by="test")
    yield opened
    opened.close()


@pytest.fixture
def gallery(galleries: Galleries) -> Gallery:
    return galleries.open("g")


def audit_file(directory: Path) -> Path:
    (log,) = directory.glob("audit-*.jsonl")
    return log


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """As if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "change",
    [
        lambda galleries: galleries.open("g").upsert([make(3)], by="test"),
        lambda galleries: galleries.open("g").delete(["e1"], by="test"),
        lambda galleries: galleries.open("g").erase(Filter(persons=frozenset({"p"})), by="test"),
        lambda galleries: galleries.open("g").set_retention(1, by="test"),
        lambda galleries: galleries.drop("g", by="test"),
        lambda galleries: galleries.create("other", SPEC, by="test"),
    ],
)
def test_nothing_is_changed_where_the_log_cannot_be_opened(
    galleries: Galleries, tmp_path: Path, change: Callable[[Galleries], object]
) -> None:
    log = audit_file(tmp_path)
    log.unlink()
    log.mkdir()
    with pytest.raises(AuditFailed, match=r"audit-.*cannot be written \(Is a directory\): nothing was changed"):
        change(galleries)
    assert galleries.names() == ["g"]
    info = galleries.open("g").info()
    assert (info.entries, info.retention_days) == (2, None)
    log.rmdir()
    change(galleries)


def test_a_search_that_cannot_be_noted_is_not_answered(gallery: Gallery, tmp_path: Path) -> None:
    log = audit_file(tmp_path)
    log.unlink()
    log.mkdir()
    with pytest.raises(StorageFailed, match=r"audit-.*\(Is a directory\): the search is not answered"):
        gallery.search(make(1).embedding[None], k=1, by="test")


def test_a_search_for_more_like_an_entry_names_it(gallery: Gallery, tmp_path: Path) -> None:
    gallery.search(make(1).embedding[None], k=1, exclude_id="e1", by="guard")
    assert json.loads(audit_file(tmp_path).read_text().splitlines()[-1])["exclude_id"] == "e1"


def test_a_full_disk_leaves_no_half_line(gallery: Gallery, tmp_path: Path) -> None:
    log = audit_file(tmp_path)
    with (
        no_file_grows_beyond(log.stat().st_size + 10),
        pytest.raises(AuditFailed, match=r"\(No space left on device\): the search is not answered"),
    ):
        gallery.search(make(1).embedding[None], k=1, by="test")
    gallery.search(make(1).embedding[None], k=1, by="later")
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["action"] for line in told] == ["create", "enrol", "search"]
    assert told[-1]["by"] == "later"


def test_a_change_that_was_made_but_could_not_be_noted_says_so(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, durable=True)
    log.check()
    with (
        no_file_grows_beyond(10),
        pytest.raises(AuditFailed, match="erase is done and stored, but not noted"),
    ):
        log.record("erase", "g", by="officer", count=3)
    assert audit_file(tmp_path).read_bytes() == b""
