"""From settings to a served port: model, galleries, keys, server."""

from __future__ import annotations

import gc
import importlib
import logging

import uvicorn

import gallery_index
from service import logs
from service.app import create_app
from service.connections import ImpatientProtocol
from service.cpus import usable_cpus
from service.encoder import OnnxEncoder
from service.health import Health
from service.keys import KeyFile
from service.server import Server
from service.settings import Settings

log = logging.getLogger(__name__)

_KEEP_ALIVE_S = 75  # longer than the pools of usual clients and proxies: whoever closes first must not be the service


def serve(settings: Settings) -> int:
    """Serves until a signal. Returns 0 after a drain, 1 if the model broke down. Raises what keeps it from starting."""
    logs.configure(settings.log_format, settings.log_level)
    check_tracing(settings)
    keys = key_file(settings)
    threads = settings.threads or usable_cpus()
    encoder = OnnxEncoder(
        settings.model,
        providers=settings.providers,
        allow_fallback=settings.allow_fallback,
        threads=threads,
        max_batch=settings.max_batch,
    )
    encoder.warm_up()
    log.info("model %s, %d numbers, on %s", encoder.embedding.model_id, encoder.embedding.dim, encoder.provider)
    log.info("terms of the model: %s", encoder.provenance.licence)
    galleries = gallery_index.connect(settings.gallery, threads=threads)
    try:
        health = Health()
        app = create_app(settings, encoder=encoder, galleries=galleries, keys=keys, health=health)
        server = Server(_config(app, settings), health=health, notice_s=settings.drain_notice_s)
        health.stop, health.connections = server.stop, server.connections
        gc.freeze()  # what was loaded stays; a collector that visited it all would hold up every request for that long
        server.run()
        return 1 if health.broken or not server.started else 0
    finally:
        galleries.close()


def key_file(settings: Settings) -> KeyFile | None:
    """Who may come in. Raises ValueError for an address that others can reach, without keys and without --no-auth."""
    if settings.no_auth:
        if not settings.loopback:
            log.warning("--no-auth on %s: everyone who reaches the port may read and erase galleries", settings.host)
        return None
    master = settings.api_key.get_secret_value() if settings.api_key else None
    keys = KeyFile(settings.keys, master=master, open_at_first=settings.loopback)
    if settings.api_key or keys.records() or settings.loopback:
        return keys
    raise ValueError(
        f"others can reach {settings.host}, and {settings.keys} holds no API keys; "
        "make one with `python -m service keys create NAME`, set REID_API_KEY, or say --no-auth"
    )


def check_tracing(settings: Settings) -> None:
    """Raises ValueError where spans are wanted and cannot be sent: a service that is silently not traced is worse."""
    if not settings.tracing:
        return
    try:
        importlib.import_module("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        raise ValueError("--tracing needs an exporter: pip install 'fastapi[opentelemetry]'") from None


def _config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=ImpatientProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.drain_timeout_s,
        backlog=2048,
    )
