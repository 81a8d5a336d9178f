"""What a measurement was taken on, for every result file."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "faiss-cpu", "torch", "timm", "fastapi")
_GPU = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def machine() -> dict[str, object]:
    """CPU, cores this process may use, GPU where there is one, Python, packages and commit."""
    gpu = _said_by(*_GPU)
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        **({"gpu": gpu} if gpu else {}),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "commit": _said_by("git", "rev-parse", "--short=10", "HEAD") or "unknown",
    }


def in_threads(number: int) -> str:
    """Such as "2 threads"."""
    return f"{number} thread{'s' if number > 1 else ''}"


def _cpu() -> str:
    """Such as "AMD EPYC (family 25, model 17)": a virtual machine's name alone stands for several generations."""
    told = dict(re.findall(r"^(.+?)\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    if "model name" not in told:
        return platform.processor() or "unknown"
    kind = [f"{name} {told[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in told]
    return told["model name"] + (f" ({', '.join(kind)})" if kind else "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # onnxruntime and onnxruntime-gpu exclude each other
        return None


def _said_by(*command: str) -> str:
    """The first line of what a program prints; nothing where it is not there or fails."""
    if not shutil.which(command[0]):
        return ""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip().partition("\n")[0] if answer.returncode == 0 else ""
