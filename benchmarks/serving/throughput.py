"""How much of the bare model is left once there is a service around it."""

from __future__ import annotations

import base64
import http.client
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil

from benchmarks.serving.bare import Bare
from benchmarks.serving.crops import drawn_crops, framed
from benchmarks.serving.load import Outcome, Target, closed
from benchmarks.serving.servers import Server, litserve, our_service, version_of
from service.providers import ProviderName

CLIENTS = 16
BATCH = 16
_SETTLE_S = 0.02  # the other's inference threads spin a while after their work
RAW = {"Accept": "application/octet-stream"}


def against_bare(
    model: Path,
    *,
    threads: int,
    crops_per_request: int,
    rounds: int,
    seconds: float,
    provider: ProviderName = "cpu",
) -> dict[str, Any]:
    """Rounds of bare model and service in turn, so that whatever else the machine does meets both alike.

    Wall clock tells what a user sees; CPU seconds per crop tell what the service adds, however busy the machine is."""
    crops, bare = drawn_crops(64), Bare(model, threads=threads, batch=BATCH, provider=provider)
    bodies = [framed(crops[i : i + crops_per_request]) for i in range(0, len(crops), crops_per_request)]
    headers = RAW | {"Content-Type": "application/x-crops"}
    ratios, cpu_ratios, lines = [], [], []
    options = ("--max-batch", str(BATCH), "--providers", provider)
    with our_service(sys.executable, model, threads, *options) as server:
        target = Target(server.url, "/embed", bodies, crops_per_request, headers)
        closed(target, clients=CLIENTS, seconds=2)
        for _ in range(rounds):
            bare_rate, bare_cpu = _bare_round(bare, crops, seconds)
            rate, cpu, p50, p99 = _service_round(server, target, seconds)
            ratios.append(rate / bare_rate)
            cpu_ratios.append(cpu / bare_cpu)
            lines.append(
                {"bare": round(bare_rate, 2), "service": round(rate, 2), "p50_ms": round(p50), "p99_ms": round(p99)}
            )
        overhead = idle_overhead(bare, server, crops)
    return {
        "model": model.name,
        "provider": provider,
        "clients": CLIENTS,
        "crops_per_request": crops_per_request,
        "threads": threads,
        "throughput_of_bare": round(statistics.median(ratios), 3),
        "throughput_of_bare_range": [round(min(ratios), 3), round(max(ratios), 3)],
        "cpu_per_crop_of_bare": round(statistics.median(cpu_ratios), 3),
        **overhead,
        "rounds": lines,
    }


def idle_overhead(bare: Bare, server: Server, crops: list[bytes], pairs: int = 150) -> dict[str, float]:
    """One crop at a time, bare and through HTTP in turn: the median of each, and of the difference.

    The load average is told beside it: on a machine that others use, every hand-over between threads waits for a core,
    and the difference measures the others."""
    direct, through = [], []
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)  # the client's own share should be small
    for i in range(pairs):
        crop = crops[i % len(crops)]
        time.sleep(_SETTLE_S)
        direct.append(bare.one(crop))
        time.sleep(_SETTLE_S)
        start = time.perf_counter()
        connection.request("POST", "/embed", crop, RAW | {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        answer.read()
        through.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(f"/embed answered {answer.status}")
    connection.close()
    differences = [b - a for a, b in zip(direct, through, strict=True)]
    return {
        "idle_bare_p50_ms": round(statistics.median(direct) * 1000, 2),
        "idle_service_p50_ms": round(statistics.median(through) * 1000, 2),
        "idle_overhead_p50_ms": round(statistics.median(differences) * 1000, 2),
        "load_average": round(os.getloadavg()[0], 1),
    }


def beside_litserve(model: Path, python: str, *, threads: int, rounds: int, seconds: float) -> dict[str, Any]:
    """The service and LitServe."""
    rival = litserve(python, model, threads)
    measured = beside("litserve", rival, model, threads=threads, rounds=rounds, seconds=seconds)
    return {"litserve_version": version_of("litserve", python), **measured}


def beside(
    name: str,
    rival: AbstractContextManager[Server],
    model: Path,
    *,
    threads: int,
    rounds: int,
    seconds: float,
    warm_up: float = 2,
) -> dict[str, Any]:
    """16 clients, one crop a request, JSON in and out for both; the same rounds in turn, after `warm_up` seconds.

    The one that is not measured sleeps meanwhile."""
    bodies = [orjson.dumps({"images": [base64.b64encode(crop).decode()]}) for crop in drawn_crops(64)]
    found: dict[str, list[Outcome]] = {"service": [], name: []}
    with our_service(sys.executable, model, threads, "--max-batch", str(BATCH)) as ours, rival as theirs:
        targets = {
            server: Target(running.url, "/embed", bodies, 1, {"Content-Type": "application/json"})
            for server, running in zip(found, (ours, theirs), strict=True)
        }
        others = {"service": theirs, name: ours}
        for target in targets.values():
            closed(target, clients=CLIENTS, seconds=warm_up)
        for _ in range(rounds):
            for server, target in targets.items():
                with others[server].asleep():
                    found[server].append(closed(target, clients=CLIENTS, seconds=seconds))
    about = {"model": model.name, "clients": CLIENTS, "threads": threads}
    return about | {server: _summary(outcomes) for server, outcomes in found.items()}


def _summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {
        "crops_per_second": round(statistics.median(o.crops_per_second for o in outcomes), 2),
        "p50_ms": round(statistics.median(o.milliseconds(50) for o in outcomes)),
        "p99_ms": round(statistics.median(o.milliseconds(99) for o in outcomes)),
        "not_answered": sum(n for o in outcomes for status, n in o.statuses.items() if status != 200),
    }


def _bare_round(bare: Bare, crops: list[bytes], seconds: float) -> tuple[float, float]:
    """Crops per second, and CPU seconds per crop."""
    process = psutil.Process()
    before = sum(process.cpu_times()[:2])
    start = time.perf_counter()
    rate = bare.crops_per_second(crops, seconds)
    elapsed = time.perf_counter() - start
    return rate, (sum(process.cpu_times()[:2]) - before) / (rate * elapsed)


def _service_round(server: Server, target: Target, seconds: float) -> tuple[float, float, float, float]:
    before = server.cpu_seconds
    outcome = closed(target, clients=CLIENTS, seconds=seconds)
    cpu = (server.cpu_seconds - before) / outcome.crops
    return outcome.crops_per_second, cpu, outcome.milliseconds(50), outcome.milliseconds(99)
