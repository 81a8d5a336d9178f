"""uvicorn, with a drain that loses nothing: first not ready, then no new connections, then the end."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from types import FrameType

import uvicorn

from service.health import Health

log = logging.getLogger(__name__)

_LAST_ARRIVALS_S = 0.2


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT: /readyz fails and every answer closes its connection for `notice_s`, while requests are
    still taken; then the port closes, what has arrived is answered, and the process ends with status 0."""

    def __init__(self, config: uvicorn.Config, *, health: Health, notice_s: float) -> None:
        super().__init__(config)
        self._health = health
        self._notice_s = notice_s
        self._exit_at = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A second signal cuts the notice short; uvicorn's own handling of a third ends everything."""
        if self._health.draining:
            self.force_exit = self.should_exit
            self.should_exit = True
            return
        self._exit_at = time.monotonic() + self._notice_s
        self._health.draining = True
        log.info("draining: no longer ready, stopping in %g s", self._notice_s)

    def connections(self) -> int:
        """How many are open."""
        return len(self.server_state.connections)

    def stop(self) -> None:
        """Ends the process without notice; what is in flight is still answered."""
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if self._health.draining and time.monotonic() >= self._exit_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes the port first, and gives requests on connections that were just made the time to arrive."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_ARRIVALS_S)
        await super().shutdown(sockets)
