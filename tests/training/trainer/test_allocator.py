"""Freed memory stays with the process, so that a step does not pay for clean pages again."""

from __future__ import annotations

import subprocess
import sys

import pytest

ROUNDS = """
import resource, torch
from training.allocator import keep_freed_memory
if {keep} and not keep_freed_memory():
    raise SystemExit(77)
def round():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 << 20)  # 64 MiB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
for _ in range(20):
    round()
print(sum(round() for _ in range(10)))
"""


def page_faults(*, keep: bool) -> int:
    done = subprocess.run([sys.executable, "-c", ROUNDS.format(keep=keep)], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_freed_is_used_again_without_new_pages() -> None:
    assert page_faults(keep=True) * 10 < page_faults(keep=False)
