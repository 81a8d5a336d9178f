"""The part of a document that a command writes: what is between its two marks."""

from __future__ import annotations

import re
from pathlib import Path

_BEGIN, _END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def updated(document: str, figures: str) -> str:
    """The document with what is between its marks replaced. Raises ValueError where it has no marks."""
    text, replaced = re.subn(f"{_BEGIN}.*{_END}", lambda _: _BEGIN + figures + _END, document, flags=re.DOTALL)
    if not replaced:
        raise ValueError(f"the document has no lines {_BEGIN.strip()} and {_END.strip()}")
    return text


def update(file: Path, figures: str) -> None:
    """As `updated`, in place."""
    file.write_text(updated(file.read_text(encoding="utf-8"), figures), encoding="utf-8")
