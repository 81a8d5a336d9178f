"""What a call can end in, apart from an answer."""

from __future__ import annotations

from http import HTTPStatus


class ReidError(Exception):
    """Base of everything below."""


class Refused(ReidError):
    """The service understood and said no. index: the crop at fault, where it is one crop's fault. request_id: under
    which the service's log has the request."""

    def __init__(
        self, status: int, title: str, detail: str, index: int | None = None, request_id: str | None = None
    ) -> None:
        where = f" [X-Request-Id {request_id}]" if request_id and status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        super().__init__(f"{title} ({status}): {detail}{where}")
        self.status = status
        self.title = title
        self.detail = detail
        self.index = index
        self.request_id = request_id


class Unavailable(ReidError):
    """No answer after all retries: the service is full, stopping, or not there."""
