"""`python -m service keys create|list|revoke`."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.keys import SCOPES, KeyFile


def main(arguments: list[str]) -> int:
    """Runs one command. Raises KeyFileError for what makes no sense."""
    parsed = _parser().parse_args(arguments)
    keys = KeyFile(parsed.keys)
    if parsed.command == "create":
        print(keys.create(parsed.name, parsed.scope, gallery=parsed.gallery, expires_days=parsed.expires_days))
    elif parsed.command == "revoke":
        print(f"revoked {keys.revoke(parsed.name)}")
    else:
        Console().print(_table(keys))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service keys", description="Look after the API keys.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make a key and print it, this once")
    create.add_argument("name", help="who will use it; the audit log shows this name")
    create.add_argument(
        "--scope", nargs="+", choices=SCOPES, default=["embed", "search"], help="what it may do (default: embed search)"
    )
    create.add_argument("--gallery", help="the only gallery it may touch (default: any)")
    create.add_argument("--expires-days", type=int, help="days until it ends by itself (default: never)")
    revoke = commands.add_parser("revoke", help="end a key; a running service knows at once")
    revoke.add_argument("name", help="name or id of the key")
    commands.add_parser("list", help="show the keys, without their secrets")
    default = Path(os.environ.get("REID_KEYS", "data/keys.json"))
    for command in commands.choices.values():
        command.add_argument("--keys", type=Path, default=default, help=f"the key file (default: {default})")
    return parser


def _day(moment: str | None) -> str:
    return "never" if moment is None else moment[:10]


def _table(keys: KeyFile) -> Table:
    table = Table("id", "name", "scopes", "gallery", "created", "expires", "state")
    now = datetime.now(UTC)
    for key in keys.records():
        state = "in use" if key.valid(now) else f"revoked {_day(key.revoked_at)}" if key.revoked_at else "expired"
        table.add_row(
            key.id,
            key.name,
            " ".join(key.scopes),
            key.gallery or "any",
            _day(key.created_at),
            _day(key.expires_at),
            state,
        )
    return table
