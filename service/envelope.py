"""Around every request: an id, security headers, one log line, the request metrics, and who may not even knock."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterable
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import problem, unexpected
from service.health import Health
from service.metrics import Metrics

log = logging.getLogger("service.access")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SAFE = {"GET", "HEAD", "OPTIONS"}
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Envelope:
    """Pure ASGI: a body is streamed through, never buffered here."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, health: Health) -> None:
        self._app = app
        self._metrics = metrics
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = named(Headers(scope=scope).get("x-request-id", ""))
        token, started, status, answered = request_id.set(name), time.monotonic(), 500, False

        async def send_enveloped(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = name
                for header, value in SECURITY_HEADERS.items():
                    headers.setdefault(header, value)
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
                if self._health.draining:
                    headers["Connection"] = "close"
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        except Exception as error:
            if answered:
                raise
            await unexpected(error)(scope, receive, send_enveloped)
        finally:
            self._record(scope, status, time.monotonic() - started)
            request_id.reset(token)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        principal = scope.get("state", {}).get("principal")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        note(self._metrics, method, template(scope), status, seconds=seconds, key=getattr(principal, "name", None))


def named(given: str) -> str:
    """The request's id: the caller's own where it is one."""
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def note(
    metrics: Metrics, method: str, route: str, status: int, *, seconds: float = 0.0, key: str | None = None
) -> None:
    """One request in the metrics and the log."""
    metrics.requests.labels(method, route, str(status)).inc()
    metrics.request_seconds.labels(method, route).observe(seconds)
    if status in _REASONS:
        metrics.rejections.labels(_REASONS[status]).inc()
    log.log(
        logging.DEBUG if route in _QUIET else logging.INFO,
        "%s %s %d",
        method,
        route,
        status,
        extra={"ms": round(seconds * 1000, 2), "key": key, "status": status},
    )


_QUIET = {"/livez", "/readyz", "/metrics"}
PROBES = {"/livez", "/readyz"}  # orchestrators ask by address; there is nothing to steal
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
_REASONS = {429: "full", 413: "too large", 401: "no key", 403: "not allowed"}


def template(scope: Scope) -> str:
    """The route as it was declared, so that no id of a request becomes a label."""
    return getattr(scope.get("route"), "path", None) or "other"


class Gate:
    """Turns away what a browser was tricked into sending.

    A page of another site can make a visitor's browser post to a service on the visitor's own machine; `Sec-Fetch-Site`
    tells, or the page's origin. And a name of another site can be made to point here (DNS rebinding); the Host header
    tells.
    hosts: names accepted in the Host header, without ports; empty accepts all.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (complaint := self._complaint(scope)):
            await problem(403, "Not allowed", complaint)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _complaint(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = re.sub(r":\d*$", "", headers.get("host", "")).lower()
        if self._hosts and host not in self._hosts and scope["path"] not in PROBES:
            return f"the Host header names {host[:128]!r}; --allowed-hosts lists the names this service answers to"
        if scope["method"] not in _SAFE and _of_another_site(headers):
            return "a page of another site may not send requests here"
        return None


def _of_another_site(headers: Headers) -> bool:
    """Over plain HTTP, but to loopback, browsers send no Sec-Fetch-Site; a page's Origin they send always."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in {"cross-site", "same-site"}
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()


def own_hosts(allowed: list[str], host: str, *, loopback: bool) -> list[str]:
    """Which Host headers to accept: those listed, and on loopback its own names and the address that is bound."""
    return [*allowed, *_OWN_NAMES, host] if loopback else allowed
