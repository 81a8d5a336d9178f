"""`python -m reid_client embed|search|enrol FILES…`: the service from a shell."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table
from rich.text import Text

from reid_client.client import DEFAULT_URL, Client
from reid_client.errors import Refused, ReidError
from reid_client.types import Entry, Match, Search
from reid_client.wire import joined, together

_T = TypeVar("_T")

_COLUMNS = ("query", "rank", "id", "person", "camera", "captured at", "score", "probability")
IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_Files = Sequence[tuple[Path, Path]]  # each with its path below what was given
_IN_FLIGHT = 2  # requests of 64 crops: they leave half of a service's places to others
_CONSOLE = Console(stderr=True)
_PIPED = 1000  # columns: whoever reads the table by program needs whole ids


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status. What goes wrong ends in one line and status 1."""
    parsed = _parser().parse_args(arguments)
    try:
        files = _files(parsed.files)
        with Client(parsed.url, key=parsed.key) as client:
            parsed.run(client, files, parsed)
    except (ReidError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def embed(client: Client, files: _Files, options: argparse.Namespace) -> None:
    """Embeds crops and writes their rows to a .npy file, in the order of the files."""
    if options.output.is_dir() or not options.output.parent.is_dir():  # told before the work, not after it
        raise ValueError(f"cannot write {options.output}: it is a folder, or there is none to write it into")
    done = joined(list(_each([file for file, _ in files], client.embed, "embedding")))
    with options.output.open("wb") as output:  # numpy gives a name, but not a file, another ending
        np.save(output, done.rows)
    print(f"{options.output}: {done.rows.shape[0]} × {done.rows.shape[1]} float32 of the model {done.model_id}")


def search(client: Client, files: _Files, options: argparse.Namespace) -> None:
    """Finds the best matches of each crop (or, with --fuse, of the track the crops make)."""
    how = Search(
        gallery=options.gallery,
        k=options.k,
        where=options.filter,
        group_by_person=options.group_by_person,
        min_score=options.min_score,
        rerank=options.rerank,
        fuse=options.fuse,
    )
    crops = [file for file, _ in files]
    if options.fuse:
        results = client.search(crops, how)
        names = [f"{len(files)} crops"]
    else:
        results = [found for part in _each(crops, lambda part: client.search(part, how), "searching") for found in part]
        names = [below.as_posix() for _, below in files]
    if options.json:
        print(
            json.dumps([{"query": n, "matches": [_plain(m) for m in r]} for n, r in zip(names, results, strict=True)])
        )
    else:
        Console(width=None if sys.stdout.isatty() else _PIPED).print(_table(names, results))


def enrol(client: Client, files: _Files, options: argparse.Namespace) -> None:
    """Enrols crops; the id of each is its file name without the ending, with the names of the folders before it where
    it lies below one that was given."""
    known = _entries(files, options)

    def store(part: Sequence[Path]) -> Any:
        return client.enrol([known[f] for f in part], part, gallery=options.gallery, skip_bad=options.skip_bad)

    stored = created = 0
    try:
        for part in _each(list(known), store, "enrolling"):
            for name, reason in part.skipped.items():
                print(f"skipped {name}: {reason}", file=sys.stderr)
            stored, created = stored + part.stored, created + part.created
    except (ReidError, ValueError):
        print(f"{stored} or more of {len(known)} entries are stored; to send all again is safe", file=sys.stderr)
        raise
    print(f"{stored} entries stored in {options.gallery!r}, {created} of them new")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reid_client", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for run in (embed, search, enrol):
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("files", nargs="+", type=Path, metavar="FILES", help="crops, or folders of crops")
        command.add_argument(
            "--url", default=os.environ.get("REID_URL", DEFAULT_URL), help=f"default: $REID_URL, or {DEFAULT_URL}"
        )
        command.add_argument("--key", default=os.environ.get("REID_API_KEY"), help="API key (default: $REID_API_KEY)")
        if run is not embed:
            command.add_argument("--gallery", default="default", help="name of the gallery (default: default)")
    _add_options(commands.choices)
    return parser


def _add_options(commands: dict[str, argparse.ArgumentParser]) -> None:
    commands["embed"].add_argument(
        "-o", "--output", type=Path, default=Path("embeddings.npy"), help="the .npy to write"
    )
    find, store = commands["search"], commands["enrol"]
    find.add_argument("-k", type=int, default=10, help="matches per crop at most (default: 10)")
    find.add_argument("--filter", type=_filter, help='JSON, e.g. \'{"cameras": ["c1"]}\'')
    find.add_argument("--group-by-person", action="store_true", help="the best match of each person only")
    find.add_argument("--min-score", type=float, help="leave out matches below this cosine")
    find.add_argument("--rerank", action="store_true", help="k-reciprocal re-ranking")
    find.add_argument("--fuse", choices=["mean", "best"], help="all crops show one track")
    find.add_argument("--json", action="store_true", help="print JSON instead of a table")
    store.add_argument("--camera", help="camera of all crops, unless --name-pattern finds one")
    store.add_argument("--person", help="person of all crops, unless --name-pattern finds one")
    store.add_argument("--captured-at", type=_instant, help="RFC 3339 (default: each file's modification time)")
    store.add_argument(
        "--name-pattern",
        type=_pattern,
        help=r"regular expression with groups 'person' and 'camera' for the path below what was given, e.g. "
        r"'(?P<person>-?\d+)_c(?P<camera>\d+)', or '(?P<person>[^/]+)/' for a folder a person",
    )
    store.add_argument("--skip-bad", action="store_true", help="leave out files that are no images")


def _files(paths: Sequence[Path]) -> _Files:
    """The files themselves, and the images in folders, by name."""
    files: list[tuple[Path, Path]] = []
    for path in paths:
        if path.is_dir():
            files += [(p, p.relative_to(path)) for p in sorted(path.rglob("*")) if p.suffix.lower() in IMAGES]
        elif path.is_file():
            files.append((path, Path(path.name)))
        else:
            raise ValueError(f"no file or folder {path}")
    if not files:
        raise ValueError(f"no images ({', '.join(sorted(IMAGES))}) in {', '.join(map(str, paths))}")
    return files


def _each(files: Sequence[Path], work: Callable[[Sequence[Path]], _T], doing: str) -> Iterator[_T]:
    """Results in order, a few requests in flight, and a progress bar."""
    parts = [part for _, part in together(files, lambda file: file.stat().st_size)]

    def named(part: Sequence[Path]) -> _T:
        try:
            return work(part)
        except Refused as error:
            if error.index is None:
                raise
            raise ValueError(f"{part[error.index]}: {error.detail}") from None

    with ThreadPoolExecutor(_IN_FLIGHT) as pool:
        yield from track(pool.map(named, parts), doing, total=len(parts), console=_CONSOLE, transient=True)


def _entries(files: _Files, options: argparse.Namespace) -> dict[Path, Entry]:
    """What is known of each file. Raises ValueError for two files of one id: the second would replace the first."""
    known = {file: _entry(file, below, options) for file, below in files}
    taken: dict[str, Path] = {}
    for file, entry in known.items():
        if entry.id in taken:
            raise ValueError(
                f"{taken[entry.id]} and {file} would both be the entry {entry.id!r}; "
                "give a folder above both, or rename one"
            )
        taken[entry.id] = file
    return known


def _entry(file: Path, below: Path, options: argparse.Namespace) -> Entry:
    found = options.name_pattern.search(below.as_posix()) if options.name_pattern else None
    groups = found.groupdict() if found else {}
    camera = groups.get("camera") or options.camera
    if not camera:
        raise ValueError(f"no camera for {below}: give --camera, or a --name-pattern that finds it")
    moment = options.captured_at or datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return Entry("_".join(below.with_suffix("").parts), camera, moment, groups.get("person") or options.person)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None


def _filter(text: str) -> dict[str, Any]:
    try:
        where = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from None
    if not isinstance(where, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object")
    return where


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {error}") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} needs a time zone, e.g. 2026-11-22T10:15:00Z")
    return moment


def _plain(match: Match) -> dict[str, Any]:
    names = ("id", "score", "probability", "person_id", "camera_id")
    return {name: getattr(match, name) for name in names} | {"captured_at": match.captured_at.isoformat()}


def _table(names: Sequence[str], results: Sequence[Sequence[Match]]) -> Table:
    """Names are text: one of the gallery's may look like rich's markup."""
    table = Table(*(Column(name, overflow="fold") for name in _COLUMNS))
    for name, matches in zip(names, results, strict=True):
        for rank, m in enumerate(matches, 1):
            chance = "" if m.probability is None else f"{m.probability:.2f}"
            moment = m.captured_at.isoformat(timespec="seconds")
            cells = [name if rank == 1 else "", str(rank), m.id, m.person_id or "", m.camera_id, moment]
            table.add_row(*map(Text, [*cells, f"{m.score:.3f}", chance]))
    return table


if __name__ == "__main__":
    sys.exit(main())
