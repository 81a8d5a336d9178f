"""A crowd at the door is told so, at no cost to those inside."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from service.envelope import PROBES
from service.errors import TooManyConnections, answer
from service.health import Health


class Turnstile:
    """Pure ASGI. connections: open ones at most; of more, all but those of probes are sent away and closed."""

    def __init__(self, app: ASGIApp, *, health: Health, connections: int) -> None:
        self._app = app
        self._health = health
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        there = self._health.connections()
        if scope["type"] == "http" and there > self._connections and scope["path"] not in PROBES:
            error = TooManyConnections(f"{there} connections are open; allowed: {self._connections}")
            await answer(error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)
