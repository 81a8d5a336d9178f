"""gallery_index beside what a user would pick instead, with and without filters, and after `kill -9`.

    python -m benchmarks.rivals --python RIVALS/bin/python enrol|measure|kill [NAME …] --directory DIR

`enrol` fills DIR with identity clusters, one folder a contender (a stopped one is continued); `measure` opens each,
one after another in processes of their own, and asks the same queries of all; `kill` ends enrolling processes at some
moment and looks what is left. RIVALS is an environment with requirements.txt of this folder. Figures of contenders that
are not named stay in the result file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.gallery.clusters import CHUNK, chunk, queries
from benchmarks.machine import machine
from benchmarks.rivals.contender import K, filters
from benchmarks.rivals.worker import CONTENDERS, QUERIES

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
RESULT = Path(__file__).with_name("result.json")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    names = options.names or list(CONTENDERS)
    body = json.loads(options.json.read_text()) if options.json.exists() else {"contenders": {}}
    body |= {"machine": machine(), "dim": options.dim, "entries": options.entries, "queries": QUERIES}
    body["command"] = f"python -m benchmarks.rivals enrol|measure|kill --entries {options.entries} --dim {options.dim}"
    if options.task == "measure":
        write_truth(options.directory / "truth.npz", options.dim, options.entries)
    failed = []
    for name in track(names, options.task):
        figures = body["contenders"].setdefault(name, {})
        try:
            figures |= killed(name, options) if options.task == "kill" else done(name, options)
        except subprocess.CalledProcessError as error:  # the others go on; what it said stands above
            failed.append(f"{name} ended with status {error.returncode}")
        options.json.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(json.dumps({name: figures}), flush=True)
    print("\n".join(f"error: {why}" for why in failed), file=sys.stderr, end="\n" * bool(failed))
    return int(bool(failed))


def write_truth(file: Path, dim: int, entries: int) -> None:
    """The ten nearest entries that each filter allows, by exact scan: filter0, filter1, … of (QUERIES, 10)."""
    probes, asked = queries(entries // CHUNK, dim, QUERIES), filters(entries)
    best = {name: (np.full((QUERIES, K), -2.0), np.zeros((QUERIES, K), int)) for name in asked}
    for number in track(range(entries // CHUNK), "exact scan"):
        scores = probes @ chunk(number, dim).T
        for name, where in asked.items():
            allowed = np.where(where.allowed(number * CHUNK, CHUNK), scores, -2.0)
            here = np.argpartition(-allowed, K, axis=1)[:, :K]
            merged = np.concatenate([best[name][0], np.take_along_axis(allowed, here, 1)], axis=1)
            ids = np.concatenate([best[name][1], here + number * CHUNK], axis=1)
            order = np.argsort(-merged, axis=1)[:, :K]
            best[name] = np.take_along_axis(merged, order, 1), np.take_along_axis(ids, order, 1)
    np.savez(file, **{f"filter{i}": ids for i, (_, ids) in enumerate(best.values())})


def done(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """What the worker says of `enrol` or `measure`."""
    command = [*_worker(name, options.task, options), "--entries", str(options.entries)]
    if options.task == "measure":
        command += ["--truth", str(options.directory / "truth.npz")]
    figures: dict[str, Any] = json.loads(_last_line(command))
    return {"enrolment": figures} if options.task == "enrol" else figures


def killed(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Enrols into an empty folder, kills after a random time, counts what had been acknowledged and is not there."""
    rounds = []
    for number in range(ROUNDS):
        folder = options.directory / "killed" / f"{name}-{number}".replace(" ", "-")
        with subprocess.Popen(
            _worker(name, "write", options, folder), stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environment()
        ) as process:
            timer = threading.Timer(random.Random(f"{name}{number}").uniform(1, 4), process.kill)
            acknowledged = 0
            for line in process.stdout or ():
                if not timer.ident:
                    timer.start()
                acknowledged = int(line)
        left = json.loads(_last_line(_worker(name, "check", options, folder)))
        rounds.append({"acknowledged": acknowledged, "lost": max(0, acknowledged - left["there"]), **left})
    return {"killed": rounds}


def _worker(name: str, task: str, options: argparse.Namespace, folder: Path | None = None) -> list[str]:
    folder = folder or options.directory / name.replace(" ", "-")
    return [options.python, "-m", "benchmarks.rivals.worker", name, task, str(folder), "--dim", str(options.dim)]


def _last_line(command: Sequence[str]) -> str:
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=_environment())
    return ran.stdout.strip().splitlines()[-1]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rivals", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("enrol", "measure", "kill"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CONTENDERS)}; default: all")
    parser.add_argument("--python", required=True, help="of an environment with requirements.txt of this folder")
    parser.add_argument("--directory", type=Path, required=True, help="where the galleries lie")
    parser.add_argument("--entries", type=int, default=100_000, help=f"a multiple of {CHUNK} (default 100,000)")
    parser.add_argument("--dim", type=int, default=1280, help="(default 1280, the compact model's)")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
