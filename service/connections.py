"""Connections that cost: one on which no request comes is closed, and one request too many is answered at the door
(door.py). Where there are too many connections, turnstile.py says so."""

from __future__ import annotations

import asyncio
from itertools import chain
from types import SimpleNamespace
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.services import Services

FIRST_BYTE_TO_HEADERS_S = 15.0
MAX_HEAD = 64 * 1024  # bytes of address and headers; neither uvicorn nor its parser has a bound

# What uvicorn asks of a request that has its answer: then the rest of its body is read past.
_ANSWERED: Any = SimpleNamespace(response_complete=True, message_event=asyncio.Event())


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's, which waits without end for the headers of a request: whoever opens connections and says nothing
    would shut everybody else out."""

    _waiting: asyncio.TimerHandle | None = None
    _unread = 0  # bytes since the last that belong to no body: a head, or what follows a body in chunks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._wait_for_headers()
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._unread = 0
        if len(self.url) + sum(map(len, chain.from_iterable(self.headers))) > MAX_HEAD:
            self._refuse_head()
        elif (refusal := self._refusal()) is None:
            super().on_headers_complete()
        else:
            self.cycle = _ANSWERED
            self.transport.write(refusal)
            self.on_response_complete()

    def _refuse_head(self) -> None:
        """Says so, where no other answer is under way, and closes."""
        if self.cycle is None or self.cycle.response_complete:
            services: Services = self.app_state["services"]
            self.transport.write(services.door.head_too_large(MAX_HEAD))
            self.cycle = _ANSWERED
        self.transport.close()

    def _refusal(self) -> bytes | None:
        """None also where only uvicorn knows how to answer: behind another answer, or when the connection then ends."""
        if self.parser.get_method() != b"POST" or not self.parser.should_keep_alive() or self.expect_100_continue:
            return None
        if self.flow.write_paused or not (self.cycle is None or self.cycle.response_complete):
            return None
        services: Services = self.app_state["services"]
        return services.door.refusal(self.url, self.headers, self.server_state.default_headers)

    def _wait_for_headers(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(FIRST_BYTE_TO_HEADERS_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
