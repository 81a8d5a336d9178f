"""Who runs where: a load that shares the cores of what it measures is measured with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def shares() -> tuple[list[int], list[int]]:
    """The cores of the service, and one for its clients; on a machine with a single core both have that."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[:-1] or cores, cores[-1:]


@contextmanager
def confined(cores: list[int]) -> Iterator[None]:
    """Keeps this process on the cores for the block, and what it starts there for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
