"""How a long operation says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]  # (done, of how many)


def no_progress(_done: int, _total: int) -> None:
    """For callers who do not watch."""
