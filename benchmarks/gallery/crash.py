"""Kills a writing process at random moments and looks whether anything that it acknowledged is lost.

    python -m benchmarks.gallery.crash --rounds 200

Each round starts a process that writes, deletes, searches, compacts and takes snapshots in several threads on one
gallery, kills it (SIGKILL) after a random time, verifies the files, opens the gallery and compares every entry with
what must be there: what was acknowledged, and of the call that was under way all of it or nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.progress import track

from gallery_index import EVERYTHING, Entry, Gallery
from gallery_index.directory import EmbeddedGalleries
from gallery_index.gallery import EmbeddedGallery
from gallery_index.tuning import Tuning
from gallery_index.verify import verify
from reid_contract import EmbeddingSpec

DIM = 32
SPEC = EmbeddingSpec("crash-0123456789ab", DIM)
# Snapshots, checkpoints and the coarse stage come every few writes instead of every few thousand.
EAGER = Tuning(
    coarse_from=16,
    scan_below=2,
    scan_share=0.0,
    batch_scan_share=0.0,
    snapshot_after=12,
    snapshot_share=0.0,
    log_bytes=20_000,
)
LANES = ("a", "b")  # each writing thread has ids of its own, so what must be there is known without an order of threads
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPENING_HEALS = "when the gallery is opened"  # an interrupted write may leave its embedding in an unused slot
RESULT = Path(__file__).with_name("crash.json")

State = dict[str, int]  # id -> number of the write that stored it


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills a writing gallery at random moments; nothing may be lost.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=RESULT, help="where the result goes")
    parser.add_argument("--write", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_until_killed(options.write, options.seed)
    result = {"rounds": options.rounds, "acknowledged": 0, "lost": 0, "back": 0, "torn": 0, "complaints": 0}
    with tempfile.TemporaryDirectory() as folder:
        state: State = {}
        for number in track(range(options.rounds), "killing", disable=options.rounds < 20):
            one_round(Path(folder), options.seed + number, state, result)
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))
    return 1 if any(result[key] for key in ("lost", "back", "torn", "complaints")) else 0


def one_round(folder: Path, seed: int, state: State, result: dict[str, int]) -> None:
    """Runs, kills, checks; `state` becomes what is there."""
    command = [sys.executable, "-m", "benchmarks.gallery.crash", "--write", str(folder), "--seed", str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(random.Random(seed).uniform(0.05, 0.8), process.kill)
    under_way: dict[str, State | None] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if not line.endswith("\n"):
            break
        if not timer.ident:
            timer.start()  # from the first write on, however long the interpreter took to start
        lane, what, number, ids = line.rstrip("\n").split(" ")
        if what == "done":
            state.update(under_way.pop(lane) or {})
            result["acknowledged"] += 1
        else:
            under_way[lane] = dict.fromkeys(ids.split(","), int(number) if what == "put" else 0)
    process.wait()
    process.stdout.close()
    result["complaints"] += sum(OPENING_HEALS not in complaint for complaint in verify(folder / "g"))
    galleries = EmbeddedGalleries(folder, durability="process", threads=1, tuning=EAGER)
    found = contents(galleries.open("g", SPEC))
    galleries.close()
    result["complaints"] += len(verify(folder / "g"))
    compare(found, state, [change for change in under_way.values() if change], result)
    state.clear()
    state.update(found)


def compare(found: State, state: State, under_way: list[State], result: dict[str, int]) -> None:
    """Counts what differs, leaving out what a call that was under way explains as a whole."""
    for change in under_way:
        applied = {key: found.get(key, 0) == number for key, number in change.items()}
        if all(applied.values()):
            state.update(change)
        elif any(applied[key] and state.get(key, 0) != change[key] for key in change):
            result["torn"] += 1
    for key in state.keys() | found.keys():
        expected, there = state.get(key, 0), found.get(key, 0)
        result["lost"] += expected not in (0, there)
        result["back"] += expected == 0 and there != 0


def contents(gallery: Gallery) -> State:
    """What is stored, after checking that each embedding is the one that belongs to its entry and can be found."""
    state: State = {}
    for entry in everything(gallery):
        number = int(str(entry.attributes["number"]))
        assert np.allclose(entry.embedding, make_entry(entry.id, number).embedding, atol=1e-6), entry.id
        (hits,) = gallery.search(entry.embedding[None], k=1, by="crash")
        assert hits[0].score > 1 - 1e-5, entry.id
        state[entry.id] = number
    return state


def everything(gallery: Gallery) -> Iterator[Entry]:
    cursor = None
    while True:
        page = gallery.page(EVERYTHING, cursor=cursor, limit=1000)
        yield from gallery.read([s.id for s in page.sightings])
        if (cursor := page.cursor) is None:
            return


def make_entry(entry_id: str, number: int) -> Entry:
    """The same id and number make the same embedding."""
    row = np.random.default_rng([number, *entry_id.encode()]).standard_normal(DIM)
    embedding = (row / np.linalg.norm(row)).astype(np.float32)
    return Entry(entry_id, "c0", NOON, embedding, "p0", {"number": number}, b"jpeg" * (number % 500))


def write_until_killed(folder: Path, seed: int) -> None:
    """Says on stdout what each lane is about to do, and when it was acknowledged."""
    galleries = EmbeddedGalleries(folder, durability="process", threads=1, tuning=EAGER)
    gallery = galleries.create("g", SPEC, by="crash")
    saying = threading.Lock()
    threads = [threading.Thread(target=search_for_ever, args=(gallery,), daemon=True)]
    threads += [threading.Thread(target=lane, args=(gallery, name, seed, saying), daemon=True) for name in LANES]
    for thread in threads:
        thread.start()
    threads[-1].join()


def search_for_ever(gallery: Gallery) -> None:
    probe = make_entry("probe", 1).embedding[None]
    while True:
        gallery.search(probe, k=5, by="crash")


def lane(gallery: EmbeddedGallery, name: str, seed: int, saying: threading.Lock) -> None:
    chance = random.Random(f"{name}{seed}")

    def say(what: str, number: int, ids: list[str]) -> None:
        with saying:
            sys.stdout.write(f"{name} {what} {number} {','.join(ids)}\n")
            sys.stdout.flush()

    while True:
        ids = sorted({f"{name}{chance.randrange(80):02d}" for _ in range(chance.randint(1, 9))})
        number = chance.randrange(1, 1_000_000)
        if chance.random() < 0.35:
            say("delete", 0, ids)
            gallery.delete(ids, by="crash")
        else:
            say("put", number, ids)
            gallery.upsert([make_entry(key, number) for key in ids], by="crash")
        say("done", 0, [])
        if chance.random() < 0.05:
            gallery.compact()


if __name__ == "__main__":
    sys.exit(main())
