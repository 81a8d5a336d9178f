"""What a measurement was taken on, for every result file."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("numpy", "onnxruntime", "faiss-cpu", "torch", "timm", "fastapi")


def machine() -> dict[str, object]:
    """CPU, cores this process may use, Python, packages and commit."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _cpu() -> str:
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.processor() or "unknown"


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"
