"""An app on a real socket, for clients that must not know they are tested."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from service.connections import ImpatientProtocol


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app's URL, served from a thread of its own until the block ends."""
    config = uvicorn.Config(
        app, port=0, http=ImpatientProtocol, log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
