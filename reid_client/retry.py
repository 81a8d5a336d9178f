"""When to try again, and after how long. Every request of this client may be sent twice without harm: embedding and
searching change nothing, and enrolment is idempotent by id."""

from __future__ import annotations

import random
from dataclasses import dataclass

import httpx

from reid_client.errors import Refused, Unavailable

AGAIN = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Retries:
    """attempts: in all, at least 1. longest_wait_s: of one wait, however long the service asks for.

    A full or stopping service is asked again after the seconds its Retry-After tells, or after 0.1, 0.2, 0.4 … where
    it tells none; a connection that cannot be made or breaks likewise. Up to a quarter is added at random, so that
    clients that were refused together do not come back together.
    """

    attempts: int = 6
    longest_wait_s: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; allowed: at least 1")

    def wait(self, attempt: int, told: str | None) -> float:
        """Seconds to wait after attempt number `attempt` (from 0)."""
        seconds = float(told) if told and told.isdecimal() else 0.1 * 2**attempt
        return min(seconds, self.longest_wait_s) * random.uniform(1, 1.25)

    def verdict(self, attempt: int, outcome: httpx.Response | httpx.TransportError, *, first: int = 0) -> float | None:
        """Seconds to wait before the next attempt; None if the response is an answer. Raises Refused, Unavailable.

        first: place of the request's first crop among the caller's, so that a refusal names the caller's crop."""
        last = attempt + 1 >= self.attempts
        if isinstance(outcome, httpx.TransportError):
            if last:
                raise Unavailable(_silence(outcome, self.attempts)) from outcome
            return self.wait(attempt, None)
        if outcome.is_success:
            return None
        if outcome.status_code in AGAIN and not last:
            return self.wait(attempt, outcome.headers.get("Retry-After"))
        refusal = _refusal(outcome, first)
        if outcome.status_code in AGAIN:
            raise Unavailable(f"given up after {self.attempts} attempts: {refusal}") from refusal
        raise refusal


def _silence(error: httpx.TransportError, attempts: int) -> str:
    url = error.request.url
    where = f"{url.scheme}://{url.netloc.decode()}"
    return f"no answer from {where} after {attempts} attempts: {str(error) or type(error).__name__}"


def _refusal(answer: httpx.Response, first: int) -> Refused:
    name = answer.headers.get("X-Request-Id")
    try:
        problem = answer.json()
        detail, index = problem["detail"], problem.get("index")
        if index is not None:
            detail, index = detail.replace(f"crop {index}:", f"crop {first + index}:", 1), first + index
        return Refused(answer.status_code, problem["title"], detail, index, name)
    except (ValueError, KeyError, TypeError):
        return Refused(answer.status_code, answer.reason_phrase or "refused", answer.text[:200], request_id=name)
