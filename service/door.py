"""Refusals at the door: one request too many is answered before the application hears of it.

Through the application, saying no takes several times as long (task, middlewares, route), out of caches that the model
has just emptied; a flood of such answers would take the time that those inside need.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

from service.admission import Admission
from service.envelope import SECURITY_HEADERS, named, note, request_id
from service.errors import TABLE, HeadTooLarge, Overloaded, ShuttingDown, answer
from service.health import Health
from service.metrics import Metrics

RawHeaders = Sequence[tuple[bytes, bytes]]

_BUSY = {b"/embed": "/embed", b"/search": "/search"}  # the routes with most of the load


class Door:
    """Answers for the busy routes what they would answer themselves. Whoever gets in meets all their checks."""

    def __init__(self, admission: Admission, *, metrics: Metrics, health: Health, connections: int) -> None:
        self._admission = admission
        self._metrics = metrics
        self._health = health
        self._connections = connections

    def refusal(self, url: bytes, headers: RawHeaders, defaults: RawHeaders) -> bytes | None:
        """The whole answer to a POST that comes when the house is full; None where the application answers.

        headers: of the request, names in lower case. defaults: of every answer, such as its date."""
        route = _BUSY.get(url.partition(b"?")[0])
        if route is None or self._health.draining or self._health.connections() > self._connections:
            return None
        try:
            self._admission.check(1)
        except ShuttingDown:
            return None
        except Overloaded as error:
            name = named(next((value for key, value in headers if key == b"x-request-id"), b"").decode("latin-1"))
            token = request_id.set(name)
            note(self._metrics, "POST", route, TABLE[Overloaded].status)
            request_id.reset(token)
            head, body = _rendered(str(error), round(error.retry_after))
            own = b"".join(b"%b: %b\r\n" % header for header in (*defaults, (b"x-request-id", name.encode())))
            return b"%b%b\r\n%b" % (head, own, body)
        return None

    def head_too_large(self, allowed: int) -> bytes:
        """The whole answer to a request whose address and headers have no end; the connection is then closed."""
        note(self._metrics, "other", "other", TABLE[HeadTooLarge].status)
        return b"%b\r\n%b" % _head_and_body(HeadTooLarge(f"address and headers have more than {allowed} bytes"))


@lru_cache(maxsize=128)
def _rendered(detail: str, retry_after: int) -> tuple[bytes, bytes]:
    """Status line and headers, and the problem document. A full house has few of them: all places are taken."""
    return _head_and_body(Overloaded(detail, retry_after))


def _head_and_body(error: Exception) -> tuple[bytes, bytes]:
    response = answer(error)
    headers = {"Cache-Control": "no-store", **SECURITY_HEADERS, **response.headers}
    lines = [f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}"]
    lines += [f"{name.lower()}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, ""]).encode("latin-1"), bytes(response.body)
