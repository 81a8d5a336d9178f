"""What the routes work with: one object per app, put together by the lifespan."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from gallery_index import errors as gallery_errors
from gallery_index.interface import Galleries, Gallery
from reid_contract import EmbeddingSpec
from service.admission import Admission
from service.bodies import Body, BodyReader
from service.door import Door
from service.encoder import Encoder
from service.errors import BadRequest, ClientGone, DeadlineExceeded, Forbidden
from service.health import Health
from service.keys import KeyFile, Principal
from service.metrics import Metrics
from service.pipeline import Crop, Demand, Embedded, Pipeline
from service.schemas import GALLERY_PATTERN
from service.settings import Settings

_P = ParamSpec("_P")
_T = TypeVar("_T")

_GALLERY = re.compile(GALLERY_PATTERN)
_LAST_CHANCE_S = 0.05  # for those who know better what was late to say so


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need."""

    settings: Settings
    encoder: Encoder
    galleries: Galleries
    pipeline: Pipeline
    admission: Admission
    bodies: BodyReader
    door: Door
    metrics: Metrics
    health: Health
    keys: KeyFile | None
    readers: ThreadPoolExecutor
    writers: ThreadPoolExecutor

    @property
    def space(self) -> EmbeddingSpec:
        """The embedding space of the model that is served."""
        return self.encoder.embedding

    async def complaint(self) -> str | None:
        """Why no traffic should come; None when all is well. After a failed batch the model has to embed a probe."""
        if (known := self.health.complaint) is not None or self.pipeline.batcher.healthy:
            return known
        return await self.pipeline.probe()

    def gallery(self, name: str, principal: Principal) -> Gallery:
        """A gallery made by the served model. Raises Forbidden before it tells whether the gallery exists."""
        if not principal.sees(name):
            raise Forbidden(f"the key {principal.name!r} may use the gallery {principal.gallery!r} only")
        if not _GALLERY.fullmatch(name):
            raise gallery_errors.UnknownGallery(f"no gallery named {name!r}")
        return self.galleries.open(name, self.space)

    def gallery_sizes(self, principal: Principal) -> dict[str, int]:
        """Entries by gallery that the key may see; one that is just being removed is left out."""
        sizes = {}
        for name in filter(principal.sees, self.galleries.names()):
            with suppress(gallery_errors.GalleryError):
                sizes[name] = self.galleries.open(name).count()
        return sizes

    def receive(self, request: Request) -> AbstractContextManager[Body]:
        """A body to read. Raises Overloaded while the house is full: then not even the body is worth reading."""
        self.admission.check(1)
        return self.bodies.hold(request, self.deadline(request))

    async def in_thread(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Runs what blocks and only reads in threads of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.readers, lambda: work(*args, **kwargs))

    async def writing(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As `in_thread`, for what writes: a long erasure keeps no thread from those who search."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.writers, lambda: work(*args, **kwargs))

    async def in_time(self, request: Request, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """As `in_thread`, while the caller waits: what has no thread by the deadline, or nobody to answer, is left."""
        work = self.timely(request, work)
        return await while_connected(request, self.deadline(request), self.in_thread(work, *args, **kwargs))

    def timely(self, request: Request, work: Callable[_P, _T]) -> Callable[_P, _T]:
        """`work`, which raises DeadlineExceeded instead of beginning after the request's deadline."""
        deadline = self.deadline(request)

        def begun(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            if time.monotonic() > deadline:
                raise DeadlineExceeded("the deadline passed while the request waited for a thread")
            return work(*args, **kwargs)

        return begun

    async def embed(
        self, request: Request, crops: Sequence[Crop], *, skip_bad: bool = False, thumbnails: bool = False
    ) -> Embedded:
        """Embeds admitted crops for as long as the caller is there and its deadline has not passed."""
        side = self.settings.thumbnail_side if thumbnails and self.settings.store_thumbnails else None
        demand = Demand(self.deadline(request), skip_bad, side)
        return await while_connected(request, demand.deadline, self.pipeline.embed(crops, demand))

    def deadline(self, request: Request) -> float:
        """time.monotonic() after which nobody waits, out of X-Request-Deadline-Ms or the setting; it runs from the
        first time it is asked for."""
        known: float | None = getattr(request.state, "deadline", None)
        if known is None:
            known = request.state.deadline = time.monotonic() + self._patience(request)
        return known

    def _patience(self, request: Request) -> float:
        text = request.headers.get("x-request-deadline-ms")
        if text is None:
            return self.settings.deadline_ms / 1000
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
            raise BadRequest(f"X-Request-Deadline-Ms is {text[:32]!r}; allowed: milliseconds, 1 to 999999999")
        return int(text) / 1000


async def while_connected(request: Request, deadline: float, work: Awaitable[_T]) -> _T:
    """Awaits `work`, and gives it up at the deadline, or when the client closes the connection. The body must have
    been read. deadline: time.monotonic()."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        left = max(deadline - time.monotonic(), 0) + _LAST_CHANCE_S
        await asyncio.wait((task, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientGone("the client closed the connection before its answer was ready")
        raise DeadlineExceeded("the deadline passed before the answer was ready")
    finally:
        task.cancel()
        gone.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
