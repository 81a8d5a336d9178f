"""A full house, or a crowd at the door, is told so here: a refusal must not take the time that those inside need."""

from __future__ import annotations

from types import SimpleNamespace

from starlette.types import ASGIApp, Receive, Scope, Send

from service.envelope import PROBES
from service.errors import ServiceError, TooManyConnections, answer
from service.health import Health
from service.services import Services

_BUSY = frozenset({"/embed", "/search"})


class Turnstile:
    """Pure ASGI. Answers for the routes with most of the load what they would answer themselves, before a route is
    looked for, a key is checked or a body is read: that takes a third of the time. Whoever gets in meets them all.

    connections: open ones at most; of more, all but those of probes are sent away and closed."""

    def __init__(self, app: ASGIApp, *, health: Health, connections: int) -> None:
        self._app = app
        self._health = health
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http":
                self._check(scope)
        except ServiceError as error:
            if scope["path"] in _BUSY:
                scope["route"] = SimpleNamespace(path=scope["path"])  # for the log and the metrics
            await answer(error)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if (there := self._health.connections()) > self._connections and scope["path"] not in PROBES:
            raise TooManyConnections(f"{there} connections are open; allowed: {self._connections}")
        if scope["method"] == "POST" and scope["path"] in _BUSY:
            services: Services = scope["state"]["services"]
            services.admission.check(1)
