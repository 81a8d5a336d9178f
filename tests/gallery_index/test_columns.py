"""Cameras and times in memory allow the same slots as the filter's words say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from gallery_index import Filter
from gallery_index.columns import Columns
from gallery_index.filters import microseconds

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAMERAS = ["entrance", "yard", "entrance", "hall"]


def filled() -> Columns:
    columns = Columns()
    times = [microseconds(NOON + timedelta(hours=hour)) for hour in range(4)]
    columns.put([0, 1, 2, 3], columns.seen(CAMERAS, times))
    return columns


def allowed(columns: Columns, where: Filter) -> list[int]:
    return np.flatnonzero(columns.allowed(where, np.array([True, True, True, True, False, False]))).tolist()


def test_cameras_and_times_are_judged() -> None:
    columns = filled()
    assert allowed(columns, Filter()) == [0, 1, 2, 3]
    assert allowed(columns, Filter(cameras=frozenset({"entrance"}))) == [0, 2]
    assert allowed(columns, Filter(cameras=frozenset({"unheard of"}))) == []
    assert allowed(columns, Filter(not_cameras=frozenset({"entrance", "unheard of"}))) == [1, 3]
    assert allowed(columns, Filter(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))) == [1, 2]
    assert allowed(columns, Filter(cameras=frozenset({"entrance"}), since=NOON + timedelta(hours=1))) == [2]


def test_a_slot_that_is_not_used_is_never_allowed() -> None:
    mask = filled().allowed(Filter(not_cameras=frozenset({"hall"})), np.array([False, True, True]))
    assert mask.tolist() == [False, True, True]


def test_what_is_moved_is_found_where_it_went() -> None:
    columns = filled()
    columns.put([1], columns.at(np.array([3])))
    assert allowed(columns, Filter(cameras=frozenset({"hall"}))) == [1, 3]


def test_a_gallery_that_grows_keeps_what_it_had() -> None:
    columns = filled()
    columns.put([5_000], columns.seen(["new"], [0]))
    used = np.zeros(6_000, bool)
    used[[1, 5_000]] = True
    assert np.flatnonzero(columns.allowed(Filter(cameras=frozenset({"yard", "new"})), used)).tolist() == [1, 5_000]
    assert np.flatnonzero(columns.allowed(Filter(until=NOON), used)).tolist() == [5_000]
