"""`python -m training.reference docs/training.md`: brings the document's table of all fields up to date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from training.config import TrainConfig
from training.fields import fields
from training.presets import preset

_BEGIN, _END = "<!-- fields: begin -->\n", "<!-- fields: end -->\n"


def table() -> str:
    """Every option with the default of `paper` and, where it differs, of `compact`, as Markdown."""
    compact = {field.name: field.shown for field in fields(preset("compact"))}
    rows = ["| option | allowed | `paper` | `compact` | |", "|---|---|---|---|---|"]
    for field in fields(TrainConfig()):
        differs = compact[field.name] if compact[field.name] != field.shown else ""
        allowed = field.allowed.replace("|", ", ")
        rows.append(f"| `--{field.name}` | {allowed} | {field.shown} | {differs} | {field.help} |")
    return "\n".join(rows) + "\n"


def updated(document: str) -> str:
    """The document with the table between its marks replaced."""
    return re.sub(f"{_BEGIN}.*{_END}", lambda _: _BEGIN + table() + _END, document, flags=re.DOTALL)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(updated(file.read_text(encoding="utf-8")), encoding="utf-8")
