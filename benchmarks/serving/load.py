"""Load from a process of its own: closed (so many clients, each waits for its answer) or open (so many a second)."""

from __future__ import annotations

import http.client
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of request. bodies: sent in turn. crops: in each body."""

    url: str
    path: str
    bodies: Sequence[bytes]
    crops: int
    headers: Mapping[str, str]


@dataclass(slots=True)
class Outcome:
    """seconds: from first to last request. latencies: of answers with status 200, in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    crops: int = 0

    @property
    def crops_per_second(self) -> float:
        return self.crops / self.seconds

    def milliseconds(self, percentile: float) -> float:
        return float(np.percentile(self.latencies, percentile) * 1000) if self.latencies else float("nan")


def closed(target: Target, *, clients: int, seconds: float) -> Outcome:
    """`clients` at once, each with one connection, for `seconds`."""
    return _apart(_closed, target, clients, seconds)


def open_loop(target: Target, *, clients: int, per_second: float, seconds: float) -> Outcome:
    """`per_second` requests whatever becomes of them, spread over `clients` connections."""
    return _apart(_open, target, clients, per_second, seconds)


def _apart(work: Callable[..., Outcome], *arguments: object) -> Outcome:
    """In a process of its own, so that the load does not share an interpreter with what it measures."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sending, work, arguments))
    process.start()
    outcome: Outcome = receiving.recv()
    process.join()
    return outcome


def _send(pipe: object, work: Callable[..., Outcome], arguments: Sequence[object]) -> None:
    pipe.send(work(*arguments))  # type: ignore[attr-defined]


def _closed(target: Target, clients: int, seconds: float) -> Outcome:
    end = time.perf_counter() + seconds

    def client(number: int, outcome: Outcome) -> None:
        sender, at = _Sender(target), number
        while time.perf_counter() < end:
            sender.send(at, outcome)
            at += clients

    return _together(client, clients)


def _open(target: Target, clients: int, per_second: float, seconds: float) -> Outcome:
    start = time.perf_counter()

    def client(number: int, outcome: Outcome) -> None:
        sender, at = _Sender(target), number
        while (due := start + at / per_second) < start + seconds:
            if (early := due - time.perf_counter()) > 0:
                time.sleep(early)
            sender.send(at, outcome)
            at += clients

    return _together(client, clients)


def _together(client: Callable[[int, Outcome], None], clients: int) -> Outcome:
    outcomes = [Outcome() for _ in range(clients)]
    threads = [threading.Thread(target=client, args=(n, outcome)) for n, outcome in enumerate(outcomes)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Outcome(time.perf_counter() - start)
    for outcome in outcomes:
        whole.latencies += outcome.latencies
        whole.statuses += outcome.statuses
        whole.crops += outcome.crops
    return whole


class _Sender:
    """One connection; made again when it breaks, and the break is counted as status 0."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=120)

    def send(self, at: int, outcome: Outcome) -> None:
        start = time.perf_counter()
        try:
            body = self._target.bodies[at % len(self._target.bodies)]
            self._connection.request("POST", self._target.path, body, dict(self._target.headers))
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            outcome.statuses[0] += 1
            return
        outcome.statuses[answer.status] += 1
        if answer.status == 200:
            outcome.latencies.append(time.perf_counter() - start)
            outcome.crops += self._target.crops
