"""Which code did it, for checkpoints and model files."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def code_version() -> str:
    """The installed version, and in a git checkout its commit: "0.1.0+a72a4db", with "-dirty" where files differ."""
    try:
        installed = version("pgfl-kd-reid")
    except PackageNotFoundError:
        installed = "0"
    try:
        command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=7"]
        commit = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return installed
    return f"{installed}+{commit.strip()}"
