"""Where an export may write."""

from __future__ import annotations

import os
from pathlib import Path

from export.report import report_paths


def check_target(out: Path) -> None:
    """Before the work, not after it: raises ValueError or OSError where nothing could be written at `out`."""
    if out.suffix != ".onnx":
        raise ValueError(f"the output is {str(out)!r}; allowed: a name that ends in .onnx")
    for place in (out, *report_paths(out)):
        if place.is_dir():
            raise IsADirectoryError(f"the output {place} is a folder")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"the output's folder {out.parent} does not exist")
    if not os.access(out.parent, os.W_OK):
        raise PermissionError(f"the output's folder {out.parent} cannot be written to")
