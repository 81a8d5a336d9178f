"""What a call can end in, apart from an answer."""

from __future__ import annotations


class ReidError(Exception):
    """Base of everything below."""


class Refused(ReidError):
    """The service understood and said no. index: the crop at fault, where it is one crop's fault."""

    def __init__(self, status: int, title: str, detail: str, index: int | None = None) -> None:
        super().__init__(f"{title} ({status}): {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.index = index


class Unavailable(ReidError):
    """No answer after all retries: the service is full, stopping, or not there."""
