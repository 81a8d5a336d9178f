"""`python -m gallery_index COMMAND DIR`: looks after the galleries in a data directory, or behind a milvus:// URL."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gallery_index.connection import connect
from gallery_index.directory import EmbeddedGalleries
from gallery_index.errors import GalleryError, InvalidRequest, StorageFailed
from gallery_index.interface import Galleries, Gallery
from gallery_index.progress import Progress as Report
from gallery_index.transfer import check_export, export_gallery, import_gallery
from gallery_index.types import Filter
from gallery_index.verify import verify


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status. Whatever is wrong ends in one line and status 1."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (GalleryError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _info(options: argparse.Namespace) -> int:
    with _connected(options.dir) as galleries:
        for name in _chosen(galleries, options.gallery):
            print(json.dumps(asdict(galleries.open(name).info()), indent=2, ensure_ascii=False))
    return 0


def _verify(options: argparse.Namespace) -> int:
    directory, wrong = _local(options.dir), 0
    with closing(EmbeddedGalleries(directory)) as galleries:  # holds the lock; opens none of them
        for name in _chosen(galleries, options.gallery):
            with _bar(f"verifying {name}") as report:
                complaints = verify(directory / name, report)
            for complaint in complaints:
                print(f"{name}: {complaint}")
            print(f"{name}: {'all is well' if not complaints else f'{len(complaints)} complaints'}")
            wrong += len(complaints)
    return 1 if wrong else 0


def _compact(options: argparse.Namespace) -> int:
    directory = _local(options.dir)
    with closing(EmbeddedGalleries(directory)) as galleries:
        for name in _chosen(galleries, options.gallery):
            before = _size(directory / name)
            with _bar(f"compacting {name}") as report:
                galleries.open(name).compact(report)
            print(f"{name}: {before / 2**20:.1f} MiB before, {_size(directory / name) / 2**20:.1f} MiB now")
    return 0


def _erase(options: argparse.Namespace) -> int:
    where = Filter(
        cameras=frozenset(options.camera) if options.camera else None,
        persons=frozenset(options.person) if options.person else None,
        since=_time("--since", options.since),
        until=_time("--until", options.until),
    )
    return _erase_each(options, "entries", lambda gallery: gallery.erase(where, by=options.by))


def _erase_thumbnails(options: argparse.Namespace) -> int:
    return _erase_each(options, "thumbnails", lambda gallery: gallery.erase_thumbnails(by=options.by))


def _erase_each(options: argparse.Namespace, what: str, erase: Callable[[Gallery], int]) -> int:
    """One gallery that fails must not keep what is in the others."""
    failed = False
    with _connected(options.dir) as galleries:
        for name in _chosen(galleries, options.gallery):
            try:
                print(f"{name}: {erase(galleries.open(name))} {what} erased")
            except StorageFailed as error:
                print(f"error: {error}", file=sys.stderr)
                failed = True
    return 1 if failed else 0


def _export(options: argparse.Namespace) -> int:
    with _connected(options.dir) as galleries, _bar(f"exporting {options.gallery}") as report:
        count = export_gallery(galleries.open(options.gallery), options.folder, report)
    print(f"{options.gallery}: {count} entries exported to {options.folder}")
    return 0


def _import(options: argparse.Namespace) -> int:
    check_export(options.folder)
    if not options.dir.startswith("milvus:"):
        Path(options.dir.removeprefix("file:")).mkdir(parents=True, exist_ok=True)
    with _connected(options.dir) as galleries, _bar(f"importing {options.gallery}") as report:
        count = import_gallery(galleries, options.gallery, options.folder, by=options.by, progress=report)
    print(f"{options.gallery}: {count} entries imported from {options.folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gallery_index", description="Looks after galleries.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "info", _info, "entries, persons, cameras and days of each gallery, as JSON")
    _command(commands, "verify", _verify, "check every invariant of the files; exit status 1 if one does not hold")
    _command(commands, "compact", _compact, "give the space of deleted entries back")
    erase = _command(commands, "erase", _erase, "erase persons, cameras or times so that no byte of them is left")
    erase.add_argument("--person", action="append", metavar="ID", help="may be given several times")
    erase.add_argument("--camera", action="append", metavar="ID", help="may be given several times")
    erase.add_argument("--since", metavar="TIME", help="captured at or after, RFC 3339 with a zone")
    erase.add_argument("--until", metavar="TIME", help="captured before, RFC 3339 with a zone")
    pictures = _command(commands, "erase-thumbnails", _erase_thumbnails, "erase all pictures, keep the entries")
    for name, run, text in (
        ("export", _export, "write a gallery as JSON lines and npz"),
        ("import", _import, "read what export wrote into a gallery, here or in Milvus"),
    ):
        transfer = _command(commands, name, run, text, gallery_required=True)
        transfer.add_argument("folder", type=Path, metavar="FOLDER", help="of the export")
        transfer.set_defaults(by=_user())
    for changing in (erase, pictures):
        changing.set_defaults(by=_user())
    return parser


def _user() -> str:
    """For the audit log; a container's user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    gallery_required: bool = False,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("dir", metavar="DIR", help="data directory, or milvus://HOST:PORT")
    parser.add_argument("--gallery", metavar="NAME", required=gallery_required, help="without it: every gallery")
    parser.set_defaults(run=run)
    return parser


@contextmanager
def _connected(place: str) -> Iterator[Galleries]:
    galleries = connect(place if place.startswith("milvus:") else f"file:{_local(place)}")
    try:
        yield galleries
    finally:
        galleries.close()


def _local(place: str) -> Path:
    if place.startswith("milvus:"):
        raise InvalidRequest(f"DIR is {place!r}; allowed for this command: a data directory")
    directory = Path(place.removeprefix("file:"))
    if not directory.is_dir():
        raise InvalidRequest(f"{directory} is not a directory")
    return directory


def _chosen(galleries: Galleries, name: str | None) -> list[str]:
    names = galleries.names()
    if name is not None and name not in names:
        raise InvalidRequest(f"there is no gallery {name!r}; there are: {', '.join(names) or 'none'}")
    return names if name is None else [name]


def _time(option: str, text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"{option} is {text!r}; allowed: RFC 3339, such as 2026-11-22T12:00:00Z") from None


def _size(folder: Path) -> int:
    """What the files take on the disk; the vector file has holes."""
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


@contextmanager
def _bar(description: str) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
