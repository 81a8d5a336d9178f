"""`python -m service.describe docs/service.md [--check]`: writes the tables of settings and routes out of the code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo

from service.routes import ROUTERS
from service.settings import Settings

_ORDER = {"GET": 0, "POST": 1, "PUT": 2, "DELETE": 3}


def settings_table() -> str:
    """One line for each setting: flag, environment variable, default, meaning."""
    lines = ["| flag | environment | default | |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        flag, variable = f"`--{name.replace('_', '-')}`", f"`REID_{name.upper()}`"
        lines.append(f"| {flag} | {variable} | {_default(field)} | {field.description} |")
    return "\n".join(lines)


def routes_table() -> str:
    """One line for each documented route: method, path, meaning."""
    lines = ["| | | |", "|---|---|---|"]
    for route in (route for router in ROUTERS for route in _routes(router)):
        for method in sorted(route.methods or (), key=_ORDER.__getitem__):
            summary = (route.endpoint.__doc__ or "").strip().splitlines()[0]
            lines.append(f"| {method} | `{route.path}` | {summary} |")
    return "\n".join(lines)


def described(text: str) -> str:
    """`text` with both tables as they are now, between their markers."""
    for name, table in (("settings", settings_table()), ("routes", routes_table())):
        block = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
        before, start, rest = text.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not (start and end):
            raise ValueError(f"the document needs the markers <!-- {name} --> and <!-- /{name} --> ")
        text = before + block + after
    return text


def main(arguments: list[str] | None = None) -> int:
    """Rewrites the document, or with --check says whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m service.describe", description=__doc__)
    parser.add_argument("document", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the tables are out of date")
    options = parser.parse_args(arguments)
    text = options.document.read_text(encoding="utf-8")
    new = described(text)
    if options.check and new != text:
        print(
            f"error: {options.document} is out of date; run python -m service.describe {options.document}",
            file=sys.stderr,
        )
        return 1
    if new != text:
        options.document.write_text(new, encoding="utf-8")
    return 0


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            yield route


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{', '.join(map(str, value)) if isinstance(value, list) else value}`"


if __name__ == "__main__":
    sys.exit(main())
