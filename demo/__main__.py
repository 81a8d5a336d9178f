"""`python -m demo`: draws people, serves a gallery of them, says where to look; Ctrl-C stops everything."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import socket
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress

from demo import crops, examples
from demo.child import service
from demo.crops import Sighting
from reid_client import Client, ReidError
from service.settings import Settings

PEOPLE = 60
DRAWN_MODEL = Path("models/drawn-people.onnx")
"""Trained on other drawn people: one trained on real ones, or on none, would show little here."""
DRAWING = "drawn-5"
"""Changes whenever the drawing does, so that an old gallery is not searched with new queries."""
CACHE = Path(".cache/demo")
TOGETHER = 24
"""Crops in one enrolment request."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 after Ctrl-C, 1 with one line if something is wrong."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(options, Console())
    except KeyboardInterrupt:
        print("\nStopped.")
    except (ValueError, OSError, ReidError, httpx.HTTPError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, console: Console) -> None:
    _check_port(options.port)
    model = options.model or (DRAWN_MODEL if options.data is None else Settings.model_fields["model"].default)
    sightings = crops.of_folder(options.data) if options.data else _drawn()
    home = CACHE / _fingerprint(model, options.data)
    home.mkdir(parents=True, exist_ok=True)
    queries = _queries(sightings, home) if options.data else CACHE / f"{DRAWING}-queries"
    url = f"http://127.0.0.1:{options.port}"
    console.print("Starting the service …", style="dim")
    with service(model, home, queries, options.port) as child:
        _enrol(url, sightings, home / "enrolled.txt")
        console.print(f"\n[bold]{url}[/bold]   {len(sightings)} sightings to search in. Ctrl-C stops it.\n")
        if _has_display():
            webbrowser.open(url)
        status = child.wait()
    raise OSError(f"the service ended by itself with status {status}; its log is {home / 'service.log'}")


def _drawn() -> list[Sighting]:
    """Drawn people, and their half-hidden queries beside them."""
    people = CACHE / DRAWING
    if people.is_dir() and not (people / "manifest.jsonl").is_file():
        shutil.rmtree(people)  # a drawing that was interrupted
    crops.draw_people(people, PEOPLE)
    examples.half_hidden(people, CACHE / f"{DRAWING}-queries")
    return list(crops.drawn(people, "gallery"))


def _queries(sightings: Sequence[Sighting], home: Path) -> Path:
    """Examples out of the user's own crops."""
    examples.some_of(sightings, home / "queries")
    return home / "queries"


def _enrol(url: str, sightings: Sequence[Sighting], note: Path) -> None:
    """Makes the gallery anew, unless `note` says that it is of these very files: of deleted ones nothing stays."""
    files = "\n".join(map(_listed, sightings))
    with Client(url) as client, Progress(transient=True) as bar:
        if note.is_file() and note.read_text() == f"{_entries(client)} entries of\n{files}":
            return
        note.unlink(missing_ok=True)  # first: an enrolment that is interrupted must not look complete
        client.request("DELETE", "/galleries/default")
        client.request("PUT", "/galleries/default")
        task = bar.add_task("enrolling", total=len(sightings))
        for i in range(0, len(sightings), TOGETHER):
            part = sightings[i : i + TOGETHER]
            client.enrol([s.entry for s in part], [s.path for s in part], skip_bad=True)
            bar.advance(task, len(part))
        note.write_text(f"{_entries(client)} entries of\n{files}")


def _entries(client: Client) -> int:
    """In the gallery: fewer than files where some are broken, or were deleted on the page."""
    return int(client.request("GET", "/galleries/default")["entries"])


def _listed(sighting: Sighting) -> str:
    """Changes with the file."""
    file = sighting.path.stat()
    return f"{sighting.entry.id} {file.st_size} {file.st_mtime_ns}"


def _fingerprint(model: Path, data: Path | None) -> str:
    """A gallery belongs to one model and one folder."""
    key = model.read_bytes() + (DRAWING if data is None else str(data.resolve())).encode()
    return f"gallery-{hashlib.sha256(key).hexdigest()[:10]}"


def _check_port(port: int) -> None:
    """Said at once, not after a minute of drawing."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise OSError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None


def _has_display() -> bool:
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A service with a gallery to search in.")
    parser.add_argument("--data", type=Path, help="a folder of your own crops instead of drawn people")
    parser.add_argument(
        "--model", type=Path, help=f"ONNX file to serve (default: {DRAWN_MODEL}, with --data the service's)"
    )
    parser.add_argument("--port", type=int, default=8000, help="TCP port on 127.0.0.1 (default: 8000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
