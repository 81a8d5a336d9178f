"""Load from a process of its own: closed (so many clients, each waits for its answer) or open (so many a second)."""

from __future__ import annotations

import multiprocessing
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np

_LENGTH = re.compile(rb"content-length: *(\d+)")


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
    """One connection; made again when it breaks, and the break is counted as status 0.

    Requests are bytes made before the clock starts and answers are read no further than needed: client and service
    share the cores, and what a client of Python's library spends on each request would be taken for the service's.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        parts = urlsplit(target.url)
        self._address = (parts.hostname, parts.port)
        lines = [
            f"POST {target.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            *(f"{k}: {v}" for k, v in target.headers.items()),
        ]
        head = "\r\n".join(lines)
        self._requests = [f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in target.bodies]
        self._socket: socket.socket | None = None

    def send(self, at: int, outcome: Outcome) -> None:
        start = time.perf_counter()
        try:
            status = self._exchange(self._requests[at % len(self._requests)])
        except OSError:
            self._socket = None
            status = 0
        outcome.statuses[status] += 1
        if status == 200:
            outcome.latencies.append(time.perf_counter() - start)
            outcome.crops += self._target.crops

    def _exchange(self, request: bytes) -> int:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=120)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = bytes(answer[:end]).lower()
        missing = int(_LENGTH.search(head)[1]) - (len(answer) - end - 4)
        while missing > 0:
            missing -= len(self._more())
        if b"connection: close" in head:
            self._socket = None
        return int(head[9:12])

    def _more(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionResetError
        return data
