"""The one rule of entry: so many crops may be in the house at once, and who comes when it is full is told at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import Overloaded, ShuttingDown

_REMEMBERED = 64


class Admission:
    """Counts crops from the moment their request is read until it is answered. Used by the event loop only.

    A query given as an embedding counts as a crop. capacity: crops, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.inside = 0
        self.closed = False
        self._gone = 0  # crops
        self._left: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)  # when, and how many had gone by then
        self._busy = 0.0  # seconds with somebody inside, up to when the house was last empty
        self._since = 0.0  # when somebody came into the empty house

    def check(self, crops: int) -> None:
        """Raises Overloaded if not all `crops` fit, ShuttingDown after `close`."""
        if self.closed:
            raise ShuttingDown("the service is stopping")
        if self.inside + crops > self.capacity:
            raise Overloaded(
                f"{self.inside} of {self.capacity} places for crops are taken; {crops} more do not fit",
                self._expected_wait(),
            )

    @contextmanager
    def admit(self, crops: int) -> Iterator[None]:
        """Keeps places for `crops` until the block ends. Raises as `check` does."""
        self.check(crops)
        if self.inside == 0:
            self._since = time.monotonic()
        self.inside += crops
        try:
            yield
        finally:
            now = self._busy_seconds()
            self._gone += crops
            self._left.append((now, self._gone))
            self.inside -= crops
            if self.inside == 0:
                self._busy = now

    def close(self) -> None:
        self.closed = True

    def _busy_seconds(self) -> float:
        """The clock that the pace is measured by: quiet minutes say nothing about it."""
        return self._busy + time.monotonic() - self._since

    def _expected_wait(self) -> float:
        """Seconds until those inside have left, at the pace of those that left last; 1 where that is not known."""
        if len(self._left) < 2:
            return 1.0
        since, gone = self._left[0]
        return min(60.0, self.inside * (self._busy_seconds() - since) / max(self._gone - gone, 1))
