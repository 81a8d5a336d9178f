"""What every contender can do, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
CAMERAS = 8
K = 10


@dataclass(frozen=True, slots=True)
class Where:
    """Entry n has camera n mod 8 and second n. not_cameras: excluded. since: seconds from here on."""

    not_cameras: tuple[int, ...] = ()
    since: int = 0

    def allowed(self, begin: int, count: int) -> NDArray[np.bool_]:
        """(count,) which of the entries from `begin` on may be answered."""
        number = np.arange(begin, begin + count)
        return ~np.isin(number % CAMERAS, self.not_cameras) & (number >= self.since)


def filters(entries: int) -> dict[str, Where]:
    """Half by camera, which every person passes with half of its crops; a hundredth by time."""
    return {
        "all": Where(),
        "50 %": Where(not_cameras=(0, 1, 2, 3)),
        "1 %": Where(since=entries - entries // 100),
    }


class Contender(Protocol):
    """A gallery of `dim` numbers an entry in `folder`, which may hold one already."""

    def __init__(self, folder: Path, dim: int) -> None: ...

    def count(self) -> int:
        """Entries there are."""
        ...

    def add(self, begin: int, rows: Rows) -> None:
        """Enrols entries begin, begin + 1, …; returning acknowledges them."""
        ...

    def finish(self) -> None:
        """Builds and saves what the search needs, after the last `add`."""
        ...

    def search(self, query: Rows, where: Where) -> list[int]:
        """query: (D,). The ten nearest allowed entries, best first."""
        ...

    def close(self) -> None:
        """Lets go of the folder."""
        ...
