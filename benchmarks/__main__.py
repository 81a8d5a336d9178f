"""The quick version of every benchmark, one after another, into one file: `make bench`, or `python -m benchmarks`.

    python -m benchmarks [NAME …] [--data MARKET_ROOT] [--results DIR]

Each benchmark is a command of its own with a longer version (see its --help). Results go to
benchmarks/results/<date>-<cpu>.json.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results"
# {json} and {plot} are where a quick run leaves its figures; the committed ones of the full runs stay as they are.
QUICK = {
    "export": ("--rounds", "3", "--json", "{json}", "--plot", "{plot}"),
    "gallery": ("--entries", "20000", "--dim", "1280", "--rounds", "5", "--json", "{json}"),
    "training": ("--rounds", "3", "--json", "{json}"),
    "pose_at_test": ("--quick", "--json", "{json}", "--plot", "{plot}"),
}
WITH_DATA = {"end_to_end": ("--queries", "100", "--json", "{json}", "--data", "{data}")}


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    chosen = QUICK | (WITH_DATA if options.data else {})
    if not options.data:
        print(f"skipped, for want of --data MARKET_ROOT: {', '.join(WITH_DATA)}")
    wanted = {name: chosen[name] for name in options.names or chosen if name in chosen}
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, template in wanted.items():
            figures[name] = _run(name, template, Path(folder), options.data)
    about = machine()
    options.results.mkdir(parents=True, exist_ok=True)
    file = options.results / f"{datetime.now(UTC):%Y-%m-%d}-{_slug(str(about['cpu']))}.json"
    file.write_text(json.dumps({"machine": about, "benchmarks": figures}, indent=2) + "\n")
    print(f"\n{file}")
    return int(any(figure is None for figure in figures.values()))


def _run(name: str, template: tuple[str, ...], folder: Path, data: Path | None) -> object:
    """The figures of one benchmark, or None if it failed; what it prints is shown as it comes."""
    result = folder / f"{name}.json"
    filled = [part.format(json=result, plot=folder / f"{name}.png", data=data) for part in template]
    print(f"\n== {name}", flush=True)
    start = time.monotonic()
    status = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *filled], check=False).returncode
    print(
        f"{name}: {time.monotonic() - start:.0f} s" + (f", failed with status {status}" if status else ""), flush=True
    )
    return json.loads(result.read_text()) if not status and result.exists() else None


def _slug(cpu: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join((*QUICK, *WITH_DATA))}; default: all")
    parser.add_argument("--data", type=Path, metavar="MARKET_ROOT", help="Market-1501's folder, for end_to_end")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the file goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
