"""Which code did it, for checkpoints and model files."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[1]
_DECIDING = ("reid_contract", "training", "export")
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # set while git runs one, of whatever repository


@cache
def code_version() -> str:
    """The installed version, and in a checkout its commit: "0.1.0+ga72a4db9c1", with ".dirty" where it was changed."""
    try:
        installed = version("pgfl-kd-reid")
    except PackageNotFoundError:
        installed = "0"
    if _git("rev-parse", "--show-toplevel") != str(_PROJECT):  # no checkout, or one of something else that this lies in
        return installed
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_DECIDING)
    return f"{installed}+g{_git('rev-parse', '--short=10', 'HEAD')}{'.dirty' if changed else ''}"


def _git(*arguments: str) -> str:
    """What git says, or nothing where there is no git or no checkout."""
    command = ("git", "-C", str(_PROJECT), *arguments)
    environment = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, env=environment)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
