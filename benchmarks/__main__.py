"""The quick version of every benchmark, several times, into one file: `make bench`, or `python -m benchmarks`.

    python -m benchmarks [NAME …] [--repeats N] [--minutes M] [--data MARKET_ROOT] [--results DIR]

All run once, then all run again, so that the runs of each lie apart; a repeat for which too few of the minutes are left
is left out, and the result says so.

Writes RESULTS/<date>-<cpu>.json with every run's figures, a Markdown table and a plot beside it, compares with the last
result of the same CPU and number of cores, and marks what got worse by more than the noise (benchmarks/comparison.py
says what that is). With NAMEs, the rest of today's result stays as it is. Each benchmark is a command of its own with a
longer version: see its --help.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.comparison import Change, changes, last_on_same_machine
from benchmarks.drawn_market import draw_market
from benchmarks.machine import machine
from benchmarks.quick import ALL, Quick, filled
from benchmarks.table import markdown, plot, skipped

RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    about, date = machine(), f"{datetime.now(UTC):%Y-%m-%d}"
    file = options.results / f"{date}-{slug(about['cpu'])}.json"
    chosen = [quick for quick in ALL if not options.names or quick.name in options.names]
    ran = run_all(chosen, options.repeats, 60 * options.minutes, options.data)
    previous = last_on_same_machine(options.results, about)
    then = json.loads(previous.read_text(encoding="utf-8")) if previous else {"benchmarks": {}}
    changed = changes(then, {"benchmarks": ran})
    if options.names and previous == file:
        ran = then["benchmarks"] | ran  # the other pieces of today's result stay
    result = {
        "date": date,
        "machine": about,
        "command": f"python -m benchmarks --repeats {options.repeats} --minutes {options.minutes:g}",
        "repeats": options.repeats,
        "seconds": sum(of.get("seconds", 0) for of in ran.values()),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "compared_with": f"{previous.stem}, commit {then['machine']['commit']}" if previous else None,
        "benchmarks": ran,
    }
    write(result, changed, file)
    worse = [f"worse: {name}: {figure}" for (name, figure), of in changed.items() if of.worse]
    print("\n".join([markdown(result, changed), str(file), *worse]))
    return int(any(why.startswith("failed") for _, why in skipped(result)))


def run_all(chosen: Sequence[Quick], repeats: int, budget_s: float, data: Path | None) -> dict[str, Any]:
    """Every benchmark's figures, or why there are none. data: None for drawn people in Market-1501's folders."""
    start = time.monotonic()
    ran = {quick.name: _Runs(quick) for quick in chosen}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if any("{data}" in quick.arguments for quick in chosen):
            data = data or draw_market(home / "drawn")
        for number in range(repeats):
            for runs in ran.values():
                left_s = budget_s - (time.monotonic() - start)
                if runs.skipped is None and (number == 0 or runs.last_s <= left_s):
                    runs.run(home, data or home)
    return {name: runs.told() for name, runs in ran.items()}


def write(result: dict[str, Any], changed: dict[tuple[str, str], Change], file: Path) -> None:
    """The result as JSON, and as Markdown and PNG beside it. A second run on one day replaces the first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    file.with_suffix(".md").write_text(markdown(result, changed), encoding="utf-8")
    plot(result, changed, file.with_suffix(".png"))


def slug(cpu: str) -> str:
    """A CPU's name for a file's."""
    return re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")


class _Runs:
    """Runs of one benchmark; what it prints is shown as it comes."""

    def __init__(self, quick: Quick) -> None:
        self._quick = quick
        self._results: list[Any] = []
        self._seconds = 0.0
        self.last_s = 0.0
        self.skipped = quick.missing()
        if self.skipped:
            print(f"\n== {quick.name}: skipped, {self.skipped}", flush=True)

    def run(self, home: Path, data: Path) -> None:
        """Once more. home: for its files."""
        quick, start = self._quick, time.monotonic()
        print(f"\n== {quick.name}, run {len(self._results) + 1}", flush=True)
        json_file = home / f"{quick.name}-{len(self._results)}.json"
        arguments = filled(quick, json_file, home / f"{quick.name}.png", data)
        status = subprocess.run([sys.executable, "-m", *arguments], check=False).returncode
        if status or not json_file.exists():
            self.skipped = f"failed with status {status}"
            return
        self._results.append(json.loads(json_file.read_text(encoding="utf-8")))
        self.last_s = time.monotonic() - start
        self._seconds += self.last_s
        print(f"{quick.name}: {self.last_s:.0f} s", flush=True)

    def told(self) -> dict[str, Any]:
        """For the result file."""
        if self.skipped:
            return {"skipped": self.skipped}
        return {
            "command": f"python -m {' '.join(self._quick.arguments)}",
            "runs": len(self._results),
            "seconds": round(self._seconds),
            "figures": {
                figure.name: {
                    "values": [figure.read(result) for result in self._results],
                    "unit": figure.unit,
                    "better": figure.better,
                }
                for figure in self._quick.figures
            },
        }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    names = ", ".join(quick.name for quick in ALL)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {names}; default: all")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of each benchmark (default 3)")
    parser.add_argument(
        "--minutes", type=float, default=10, metavar="M", help="begin no repeat that would end later (default 10)"
    )
    parser.add_argument("--data", type=Path, metavar="MARKET_ROOT", help="Market-1501's folder, for end_to_end")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the files go")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in names.split(", "):
            parser.error(f"there is no benchmark {name!r}; allowed: {names}")
    return options


if __name__ == "__main__":
    sys.exit(main())
