"""Camera and time of every slot, in memory: what nearly every filter asks for, a hundred times faster than SQLite.

"All cameras but this one, since yesterday" allows most of a gallery; SQLite would write a list of them for each search.
12 bytes a slot. What a slot held before it became free stays until it is used again: ask only about slots in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gallery_index.filters import microseconds
from gallery_index.scan import Mask
from gallery_index.types import Filter
from gallery_index.vectors import Slots

Times = NDArray[np.int64]  # microseconds since 1970 UTC


class Seen(NamedTuple):
    """cameras: (N,) int32, by their numbers in Columns; times: (N,)."""

    cameras: NDArray[np.int32]
    times: Times


NOTHING_SEEN = Seen(np.empty(0, np.int32), np.empty(0, np.int64))


class Columns:
    """Changed only under the gallery's exclusive lock, read under its shared lock."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # of the cameras' names
        self._held = NOTHING_SEEN

    def seen(self, cameras: Iterable[str], times: Sequence[int] | Times) -> Seen:
        """Where and when (microseconds) something was seen. A writer may ask for it before it has the lock."""
        numbers = [self._numbers.setdefault(camera, len(self._numbers)) for camera in cameras]
        return Seen(np.asarray(numbers, np.int32), np.asarray(times, np.int64))

    def at(self, slots: Slots) -> Seen:
        """What these slots hold."""
        return Seen(self._held.cameras[slots], self._held.times[slots])

    def put(self, slots: Sequence[int] | Slots, seen: Seen) -> None:
        """Slot i now holds seen[i]."""
        if (missing := int(np.max(slots, initial=-1)) + 1 - len(self._held.times)) > 0:
            room = max(missing, len(self._held.times) // 4)
            cameras, times = self._held
            self._held = Seen(np.pad(cameras, (0, room)), np.pad(times, (0, room)))
        self._held.cameras[slots], self._held.times[slots] = seen

    def allowed(self, where: Filter, used: Mask) -> Mask:
        """(M,) which slots in use the cameras and times of a filter allow; its other parts are left aside."""
        cameras, times = (column[: len(used)] for column in self._held)
        mask = used[: len(times)].copy()
        if where.cameras is not None or where.not_cameras:
            names = tuple(self._numbers)  # a write that is under way may add one
            passes = np.fromiter((_passes(camera, where) for camera in names), bool)
            mask &= passes[cameras]
        if where.since is not None:
            mask &= times >= microseconds(where.since)
        if where.until is not None:
            mask &= times < microseconds(where.until)
        return mask


def _passes(camera: str, where: Filter) -> bool:
    return camera not in where.not_cameras and (where.cameras is None or camera in where.cameras)
