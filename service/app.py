"""The app factory: settings, a model and galleries in, an ASGI app out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypedDict

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from gallery_index.errors import GalleryError
from gallery_index.interface import Galleries
from service import errors
from service.admission import Admission
from service.batcher import Batcher
from service.bodies import BodyReader
from service.cpus import usable_cpus
from service.door import Door
from service.encoder import Encoder
from service.envelope import Envelope, Gate, own_hosts
from service.health import Health
from service.keys import KeyFile
from service.metrics import Metrics
from service.pipeline import Pipeline
from service.routes import ROUTERS
from service.routes.model import service_version
from service.services import Services
from service.settings import Settings
from service.turnstile import Turnstile

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
API_PAGE = Path(__file__).parent / "api_page"
DEFAULT_GALLERY = "default"
_LOOK_EVERY_S = 5.0
_WRITERS = 2  # an erasure and, beside it, enrolment; one gallery has one writer at a time


class State(TypedDict):
    """What lifespan yields; routes find it as `request.state`."""

    services: Services


def create_app(
    settings: Settings,
    *,
    encoder: Encoder,
    galleries: Galleries,
    keys: KeyFile | None = None,
    health: Health | None = None,
) -> FastAPI:
    """The whole service. keys: None serves everyone. The galleries stay the caller's to close."""
    metrics, health = Metrics(), health or Health()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        services = _services(settings, encoder, galleries, keys=keys, health=health, metrics=metrics)
        await services.in_thread(_prepare, services)
        tasks = [asyncio.create_task(work(services)) for work in (_expire_now_and_then, _give_up_a_hung_model)]
        health.ready = True
        try:
            yield {"services": services}
        finally:
            health.draining = True
            services.admission.close()
            for task in tasks:
                task.cancel()
            await asyncio.to_thread(services.pipeline.close)
            for pool in (services.readers, services.writers):
                pool.shutdown(wait=True)

    app = FastAPI(
        title="Person re-identification",
        summary="Embeds crops of people, keeps galleries of them, finds a person again.",
        version=service_version(),
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own page loads its script from another site
        redoc_url=None,
        telemetry={"tracing": settings.tracing, "metrics": False, "logs": False, "auto_configure": settings.tracing},
    )
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/docs/ui", StaticFiles(packages=[("fastapi_swagger", "resources")]), name="swagger-ui")
    app.mount("/docs/page", StaticFiles(directory=API_PAGE), name="docs")
    app.add_route("/docs", _api_page, include_in_schema=False)
    if PAGE.is_dir():  # mounted at "/" as a whole, it would answer 404 for every method that a route does not have
        app.mount("/assets", StaticFiles(directory=PAGE / "assets"), name="page")
        app.add_route("/", _page, include_in_schema=False)
    errors.install(app)
    app.add_middleware(Turnstile, health=health, connections=settings.max_connections)
    app.add_middleware(Gate, hosts=own_hosts(settings.allowed_hosts, settings.host, loopback=settings.loopback))
    app.add_middleware(Envelope, metrics=metrics, health=health)
    return app


async def _page(_: Request) -> FileResponse:
    return FileResponse(PAGE / "index.html")


async def _api_page(_: Request) -> FileResponse:
    return FileResponse(API_PAGE / "index.html")


def _services(
    settings: Settings,
    encoder: Encoder,
    galleries: Galleries,
    *,
    keys: KeyFile | None,
    health: Health,
    metrics: Metrics,
) -> Services:
    threads = settings.threads or usable_cpus()
    admission, bodies = Admission(settings.queue_crops), BodyReader(settings)
    batcher = Batcher(
        encoder,
        max_batch=settings.max_batch,
        max_failures=settings.max_failures,
        on_broken=health.break_down,
        metrics=metrics,
        loop=asyncio.get_running_loop(),
    )
    pipeline = Pipeline(
        encoder, batcher, decoders=settings.decoders or threads, max_pixels=settings.max_pixels, metrics=metrics
    )
    metrics.watch("reid_queue_crops", "Crops that wait for inference.", lambda: batcher.queued)
    metrics.watch("reid_admitted_crops", "Crops in the house.", lambda: admission.inside)
    metrics.watch("reid_body_bytes", "Bytes of request bodies held.", lambda: bodies.held)
    return Services(
        settings=settings,
        encoder=encoder,
        galleries=galleries,
        pipeline=pipeline,
        admission=admission,
        bodies=bodies,
        door=Door(admission, metrics=metrics, health=health, connections=settings.max_connections),
        metrics=metrics,
        health=health,
        keys=keys,
        readers=ThreadPoolExecutor(settings.searchers, thread_name_prefix="search"),
        writers=ThreadPoolExecutor(_WRITERS, thread_name_prefix="write"),
    )


def _prepare(services: Services) -> None:
    """A gallery to begin with. One that another model made is no reason not to serve others: its requests get a 409."""
    try:
        services.galleries.create(DEFAULT_GALLERY, services.space, by="service")
    except GalleryError as error:
        log.warning("the gallery %r cannot be used: %s", DEFAULT_GALLERY, error)


async def _give_up_a_hung_model(services: Services) -> None:
    """Ends the service, for its supervisor to restart: a device that does not answer may answer another process."""
    while not services.pipeline.batcher.hopeless:
        await asyncio.sleep(_LOOK_EVERY_S)
    log.error("the model has not answered for minutes; the service stops")
    services.health.break_down()


async def _expire_now_and_then(services: Services) -> None:
    """Retention: erases what is past it, and goes on after any failure: no entry may stay because a disk was full."""
    with suppress(asyncio.CancelledError):
        while True:
            try:
                if erased := await services.writing(services.galleries.expire):
                    log.info("retention: %d entries were erased", erased)
            except Exception as error:
                log.error("retention failed; it will be tried again", exc_info=error)
            await asyncio.sleep(60 * services.settings.expire_every_minutes)
