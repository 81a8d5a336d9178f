"""Load from a process of its own: closed (so many clients, each waits for its answer) or open (so many a second)."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import uvloop

_PATIENCE_S = 120
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
    """seconds: from first to last request. cpu_seconds: what the clients themselves took of the machine. latencies: of
    answers with status 200, in seconds."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
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

    async def client(number: int, outcome: Outcome) -> None:
        sender, at = _Sender(target), number
        while time.perf_counter() < end:
            await sender.send(at, outcome)
            at += clients

    return uvloop.run(_together(client, clients))


def _open(target: Target, clients: int, per_second: float, seconds: float) -> Outcome:
    start = time.perf_counter()

    async def client(number: int, outcome: Outcome) -> None:
        sender, at = _Sender(target), number
        while (due := start + at / per_second) < start + seconds:
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            await sender.send(at, outcome)
            at += clients

    return uvloop.run(_together(client, clients))


async def _together(client: Callable[[int, Outcome], Awaitable[None]], clients: int) -> Outcome:
    whole, start, cpu = Outcome(), time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(number, whole))
    whole.seconds, whole.cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    return whole


class _Sender:
    """One connection; made again when it breaks, and the break is counted as status 0.

    Requests are bytes made before the clock starts and answers are read no further than needed, all by one thread:
    client and service share the cores, and what a client spends on each request would be taken for the service's.
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
        self._line: _Line | None = None

    async def send(self, at: int, outcome: Outcome) -> None:
        start = time.perf_counter()
        try:
            if self._line is None or self._line.closed:
                loop = asyncio.get_running_loop()
                _, self._line = await loop.create_connection(_Line, *self._address)
            status = await self._line.exchange(self._requests[at % len(self._requests)])
        except OSError:
            status = 0
        outcome.statuses[status] += 1
        if status == 200:
            outcome.latencies.append(time.perf_counter() - start)
            outcome.crops += self._target.crops


class _Line(asyncio.Protocol):
    """One request at a time; of the answers, what is needed to know where each one ends."""

    closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def exchange(self, request: bytes) -> asyncio.Future[int]:
        """The answer's status, once all of it has arrived. ConnectionError where the service hangs up, or hangs."""
        loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[int] = loop.create_future()
        self._patience = loop.call_later(_PATIENCE_S, self._transport.abort)
        self._received = b""
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        head = head.lower()
        if len(body) >= int(_LENGTH.search(head)[1]):
            self._patience.cancel()
            if b"connection: close" in head:
                self.closed = True
                self._transport.close()
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the service hung up"))
        self.closed = True
