"""The inference thread: it takes whatever crops have gathered while it was busy, and never waits for more.

A thread that takes from a queue, rather than a task that sends to a thread: between two batches nothing stands but a
lock, so a busy event loop does not make the model wait. The design of admission, skipping and failure follows
text-embeddings-inference (see docs/service.md).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.encoder import Encoder
from service.errors import BadCrop, DeadlineExceeded, InferenceFailed, ShuttingDown
from service.metrics import Metrics
from service.tracing import Stage, Stages

log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]

_STUCK_S = 20.0  # no batch takes so long; one that does is waiting for a device that does not answer
_HOPELESS_S = 120.0  # and then only another process may reach it


@dataclass(eq=False, slots=True)
class Call:
    """One request's crops on their way through decoding and inference.

    The event loop alone changes it; other threads look at `over` and note `stages`, where the request is traced.
    rows: (N, D), NaN where a crop failed.
    """

    done: asyncio.Future[None]
    deadline: float
    rows: NDArray[np.float32]
    left: int
    failures: dict[int, BadCrop] = field(default_factory=dict)
    stages: Stages | None = None

    @property
    def over(self) -> bool:
        """Answered, failed, or its caller has gone: not worth another cycle."""
        return self.done.done()

    def note(self, stage: Stage, started: float, ended: float) -> None:
        if self.stages is not None:
            self.stages.note(stage, started, ended)

    def settle(self, indices: Sequence[int], rows: NDArray[np.float32]) -> None:
        self.rows[indices] = rows
        self._count(len(indices))

    def skip(self, failure: BadCrop) -> None:
        self.failures[failure.index] = failure
        self._count(1)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def _count(self, crops: int) -> None:
        self.left -= crops
        if self.left == 0 and not self.done.done():
            self.done.set_result(None)


@dataclass(eq=False, slots=True)
class Job:
    """One decoded crop that waits for inference. pixels: (H, W, 3) uint8. queued: time.monotonic()."""

    call: Call
    index: int
    pixels: Pixels
    queued: float


class Batcher:
    """Owns the inference thread. `put` may be called from any thread.

    max_failures: after so many failed batches in a row `on_broken` is called, once, on the event loop.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_batch: int,
        max_failures: int,
        on_broken: Callable[[], None],
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._encoder = encoder
        self._max_batch = max_batch
        self._max_failures = max_failures
        self._on_broken = on_broken
        self._metrics = metrics
        self._loop = loop
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.failures_in_a_row = 0
        self._began: float | None = None
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the last batch succeeded (or none ran yet), none is stuck, and the thread lives."""
        return self.failures_in_a_row == 0 and self._thread.is_alive() and not self._stuck

    @property
    def hopeless(self) -> bool:
        """Whether a batch has run for so long that it will never end."""
        return self._runs_longer_than(_HOPELESS_S)

    @property
    def _stuck(self) -> bool:
        return self._runs_longer_than(_STUCK_S)

    def _runs_longer_than(self, seconds: float) -> bool:
        began = self._began
        return began is not None and time.monotonic() - began > seconds

    @property
    def queued(self) -> int:
        return len(self._queue)

    def put(self, jobs: Sequence[Job]) -> None:
        """Queues decoded crops; after `close` their calls fail with ShuttingDown."""
        with self._changed:
            if not self._closed:
                self._queue.extend(jobs)
                self._changed.notify()
                return
        self._fail(jobs, ShuttingDown("the service is stopping"))

    def close(self) -> None:
        """Fails what is still queued and waits for the batch that runs, but not for a device that does not answer."""
        with self._changed:
            self._closed = True
            left, self._queue = list(self._queue), deque()
            self._changed.notify()
        self._fail(left, ShuttingDown("the service is stopping"))
        self._thread.join(_STUCK_S)
        if self._thread.is_alive():
            log.error("a batch has run for more than %.0f s; the service ends without it", _STUCK_S)

    def _work(self) -> None:
        while (jobs := self._take()) is not None:
            try:
                rows = self._infer(jobs)
            except Exception as error:
                self._failed(jobs, error)
            else:
                self.failures_in_a_row = 0
                self._post(_settle, jobs, rows)

    def _take(self) -> list[Job] | None:
        """The next batch of live jobs, at least one; None once closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return None
                jobs = [self._queue.popleft() for _ in range(min(self._max_batch, len(self._queue)))]
            live = [job for job in jobs if not job.call.over]
            now = time.monotonic()
            late = [job for job in live if now > job.call.deadline]
            self._fail(late, DeadlineExceeded("the deadline passed while the crops waited for inference"))
            live = [job for job in live if now <= job.call.deadline]
            for job in live:
                self._metrics.queue_seconds.observe(now - job.queued)
                job.call.note("queue", job.queued, now)
            if live:
                return live

    def _infer(self, jobs: Sequence[Job]) -> NDArray[np.float32]:
        started = self._began = time.monotonic()
        try:
            rows = self._encoder(np.stack([job.pixels for job in jobs]))
        finally:
            self._began = None
        expected = (len(jobs), self._encoder.embedding.dim)
        if rows.shape != expected:
            raise RuntimeError(f"the model gave {rows.shape} for {len(jobs)} crops; expected {expected}")
        if not np.isfinite(rows).all():
            raise RuntimeError("the model gave numbers that are not finite")
        ended = time.monotonic()
        self._metrics.inference_seconds.observe(ended - started)
        for call in {job.call for job in jobs}:
            call.note("inference", started, ended)
        self._metrics.batch_size.observe(len(jobs))
        return rows

    def _failed(self, jobs: Sequence[Job], error: Exception) -> None:
        self.failures_in_a_row += 1
        self._metrics.failed_batches.inc()
        log.error("a batch of %d crops failed (%d in a row)", len(jobs), self.failures_in_a_row, exc_info=error)
        self._fail(jobs, InferenceFailed("the model failed on this batch; the request may be sent again"))
        if self.failures_in_a_row == self._max_failures:
            self._post(self._on_broken)

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        for call in {job.call for job in jobs}:
            self._post(call.fail, error)

    def _post(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop has ended, and with it everyone who could have waited
            log.debug("an answer came after the event loop had ended")


def _settle(jobs: Sequence[Job], rows: NDArray[np.float32]) -> None:
    """Hands the rows of one batch to the calls they belong to; jobs of one call stand together."""
    start = 0
    for end in range(1, len(jobs) + 1):
        if end == len(jobs) or jobs[end].call is not jobs[start].call:
            jobs[start].call.settle([job.index for job in jobs[start:end]], rows[start:end])
            start = end
