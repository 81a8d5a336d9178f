"""What the service does when more comes than it can do, and after a long time of everything at once."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving.cores import confined, shares
from benchmarks.serving.crops import drawn_crops, framed
from benchmarks.serving.load import Target, closed, open_loop
from benchmarks.serving.servers import Server, our_service
from reid_client import Client, Entry, Refused, Search

CROPS_PER_REQUEST = 8
QUEUE = 128
HEADERS = {"Content-Type": "application/x-crops", "Accept": "application/octet-stream"}


def overload(model: Path, *, threads: int, seconds: float) -> dict[str, Any]:
    """Ten times the capacity for `seconds`; the capacity is measured before and after, as the load of 16 clients.

    A flood comes from other machines: the clients have a core of their own, and the service all the others."""
    crops = drawn_crops(64)
    bodies = [framed(crops[i : i + CROPS_PER_REQUEST]) for i in range(0, 64, CROPS_PER_REQUEST)]
    options = ("--queue-crops", str(QUEUE), "--max-crops", "64")
    ours, theirs = shares()
    threads = min(threads, len(ours))
    with confined(ours), our_service(sys.executable, model, threads, *options) as server, confined(theirs):
        target = Target(server.url, "/embed", bodies, CROPS_PER_REQUEST, HEADERS)
        closed(target, clients=16, seconds=3)
        idle_before = _idle(server, crops)
        before = closed(target, clients=16, seconds=seconds / 3)
        memory = _Memory(server)
        flood = open_loop(
            target, clients=256, per_second=10 * before.crops_per_second / CROPS_PER_REQUEST, seconds=seconds
        )
        memory.stop()
        idle_after = _idle(server, crops)
        after = closed(target, clients=16, seconds=seconds / 3)
    peak = statistics.fmean((before.crops_per_second, after.crops_per_second))
    return {
        "model": model.name,
        "cores": {"service": len(ours), "clients": len(theirs)},
        "seconds": seconds,
        "capacity_before_and_after": [round(before.crops_per_second, 2), round(after.crops_per_second, 2)],
        "offered_requests_per_second": round(sum(flood.statuses.values()) / flood.seconds, 1),
        "offered_of_capacity": round(sum(flood.statuses.values()) * CROPS_PER_REQUEST / flood.seconds / peak, 1),
        "goodput_of_capacity": round(flood.crops_per_second / peak, 3),
        "clients_of_their_cores": round(flood.cpu_seconds / flood.seconds / len(theirs), 3),
        "statuses": {str(status): count for status, count in sorted(flood.statuses.items())},
        "accepted_p50_ms": round(flood.milliseconds(50)),
        "accepted_p99_ms": round(flood.milliseconds(99)),
        "queue_ms": round(QUEUE / flood.crops_per_second * 1000),
        "resident_mib": memory.summary(),
        "idle_p50_ms_before_and_after": [round(idle_before, 1), round(idle_after, 1)],
    }


def soak(model: Path, *, threads: int, seconds: float) -> dict[str, Any]:
    """Embedding, enrolling, searching, paging, erasing and bad crops at once, for `seconds`.

    The gallery is emptied as fast as it is filled, so that growth is a leak and not a gallery."""
    crops = drawn_crops(64)
    done: dict[str, int] = {}
    with our_service(sys.executable, model, threads) as server, Client(server.url, timeout_s=120) as client:
        end = time.monotonic() + seconds
        kinds: list[Callable[[int], object]] = [
            lambda n: client.embed([crops[(n + i) % 64] for i in range(8)]),
            lambda n: client.search([crops[n % 64]], Search(k=20)),
            lambda n: _enrol_and_erase(client, n, crops),
            lambda n: _refused(client, crops[n % 64][: 100 + n % 1000]),
        ]
        names = ("embed", "search", "enrol and erase", "bad crop")

        def work(kind: int) -> None:
            n = 0
            while time.monotonic() < end:
                kinds[kind](n)
                n += 1
            done[names[kind]] = n

        threads_of_load = [threading.Thread(target=work, args=(kind,)) for kind in range(len(kinds))]
        for thread in threads_of_load:
            thread.start()
        time.sleep(min(60.0, seconds / 4))
        memory = _Memory(server)
        for thread in threads_of_load:
            thread.join()
        memory.stop()
    return {"model": model.name, "seconds": seconds, "requests": done, "resident_mib": memory.summary()}


class _Memory:
    """Resident memory of a server, twice a second."""

    def __init__(self, server: Server) -> None:
        self.samples: list[float] = []
        self._server = server
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def summary(self) -> dict[str, float]:
        """First and last tenth, so that one sample does not decide; growth in per cent."""
        tenth = max(1, len(self.samples) // 10)
        first, last = statistics.fmean(self.samples[:tenth]), statistics.fmean(self.samples[-tenth:])
        return {
            "first": round(first, 1),
            "last": round(last, 1),
            "highest": round(max(self.samples), 1),
            "growth_percent": round(100 * (last / first - 1), 2),
        }

    def _watch(self) -> None:
        while not self._stopped.wait(0.5):
            self.samples.append(self._server.resident_mib)


def _enrol_and_erase(client: Client, n: int, crops: list[bytes]) -> None:
    person = f"p{n % 50}"
    entries = [Entry(f"{person}-{i}", f"c{i}", datetime.now(UTC), person) for i in range(4)]
    client.enrol(entries, [crops[(n + i) % 64] for i in range(4)])
    client.request("GET", "/galleries/default/entries", {"limit": 50})
    if n >= 25:
        client.request("DELETE", "/galleries/default/entries", {"person_id": f"p{(n - 25) % 50}"})


def _refused(client: Client, data: bytes) -> None:
    try:
        client.embed([data])
    except Refused as refusal:
        if refusal.status != 422:
            raise
    time.sleep(0.05)


def _idle(server: Server, crops: list[bytes]) -> float:
    """Milliseconds of one crop at a time, median."""
    times = []
    with httpx.Client(base_url=server.url, headers={"Content-Type": "image/jpeg"}, trust_env=False) as client:
        for crop in crops[:40]:
            start = time.perf_counter()
            client.post("/embed", content=crop).raise_for_status()
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000
