"""A full house says so at the door: a refusal must not take the time that those inside need."""

from __future__ import annotations

from types import SimpleNamespace

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import ServiceError, answer
from service.services import Services

_BUSY = frozenset({"/embed", "/search"})


class Turnstile:
    """Pure ASGI. Answers for the routes with most of the load what they would answer themselves, before a route is
    looked for, a key is checked or a body is read: that takes a third of the time. Whoever gets in meets them all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in _BUSY:
            services: Services = scope["state"]["services"]
            try:
                services.admission.check(1)
            except ServiceError as error:
                scope["route"] = SimpleNamespace(path=scope["path"])  # for the log and the metrics
                await answer(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
