"""Memory of one training step is kept for the next one."""

from __future__ import annotations

import ctypes

# Of mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def keep_freed_memory() -> bool:
    """Tells the C library not to hand freed memory back to the kernel; returns whether it listens (glibc does).

    A step on the CPU frees and asks for the same gigabytes again. By default they go back to the kernel in between,
    which then clears every page anew. For the whole process, and for good: its resident memory stays at the highest it
    was.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Batches are made in a thread of its own, whose arena could not hold large tensors: one arena for all.
    options = ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1))
    return all(mallopt(option, value) == 1 for option, value in options)
