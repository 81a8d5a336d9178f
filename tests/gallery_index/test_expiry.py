"""Retention over several galleries: each has its turn, whatever happens to the others."""

from __future__ import annotations

import logging

import pytest

from gallery_index import StorageFailed, UnknownGallery
from gallery_index.expiry import expire_all


class Turns:
    """Erases three entries of each gallery, or fails as told."""

    def __init__(self, **failures: Exception) -> None:
        self.failures = failures
        self.seen: list[str] = []

    def __call__(self, name: str) -> int:
        self.seen.append(name)
        if failure := self.failures.get(name):
            raise failure
        return 3


@pytest.mark.parametrize("failure", [StorageFailed("damaged"), ValueError("not JSON"), MemoryError()])
def test_the_first_failure_is_raised_when_all_had_their_turn(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    turns = Turns(b=failure, c=StorageFailed("later"))
    with caplog.at_level(logging.ERROR, "gallery_index"), pytest.raises(type(failure)) as raised:
        expire_all("abcd", turns)
    assert raised.value is failure
    assert turns.seen == ["a", "b", "c", "d"]
    assert [record.args[0] for record in caplog.records if record.args] == ["b", "c"]


def test_a_gallery_that_was_dropped_meanwhile_is_no_failure() -> None:
    assert expire_all("abc", Turns(b=UnknownGallery("there is no gallery 'b'"))) == 6
