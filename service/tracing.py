"""Spans of a request's stages, below the request's own span. Nothing is noted where nobody traces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from opentelemetry import trace

Stage = Literal["decode", "queue", "inference", "search"]

_TRACER = trace.get_tracer("reid.service")


class Stages:
    """When the stages of one request's crops began and ended. `note` may be called from any thread."""

    def __init__(self) -> None:
        self._notes: list[tuple[Stage, float, float]] = []

    def note(self, stage: Stage, started: float, ended: float) -> None:
        """started, ended: time.monotonic() of one crop, or of one batch, in that stage."""
        self._notes.append((stage, started, ended))

    def report(self) -> None:
        """One span a stage, from its first beginning to its last end; crops overlap, so the spans may too."""
        since_epoch = time.time_ns() - time.monotonic_ns()
        for stage in dict.fromkeys(name for name, _, _ in self._notes):
            times = [(started, ended) for name, started, ended in self._notes if name == stage]
            first, last = min(started for started, _ in times), max(ended for _, ended in times)
            span = _TRACER.start_span(stage, start_time=since_epoch + int(first * 1e9))
            span.set_attribute("reid.times", len(times))
            span.end(since_epoch + int(last * 1e9))


def stages() -> Stages | None:
    """For the request that is being worked on; None where it is not traced."""
    return Stages() if trace.get_current_span().is_recording() else None


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """A span around what is awaited inside, if the request is traced."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with _TRACER.start_as_current_span(name):
        yield
