"""Whether the service should get traffic, and whether it should live on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Health:
    """Set by the lifespan, the batcher and the signal handler; read by /readyz.

    stop: ends the process (the server's own shutdown); connections: how many are open. A test or an embedding
    application may leave both out."""

    ready: bool = False
    draining: bool = False
    broken: bool = False
    stop: Callable[[], None] | None = field(default=None)
    connections: Callable[[], int] = field(default=lambda: 0)

    def break_down(self) -> None:
        """The model fails again and again: no more traffic, and an end for the supervisor to see."""
        self.broken = True
        if self.stop:
            self.stop()

    @property
    def complaint(self) -> str | None:
        """Why no traffic should come; None when all is well."""
        if self.broken:
            return "the model failed too often in a row, or answers no more; the service is stopping"
        if self.draining:
            return "the service is draining before it stops"
        if not self.ready:
            return "the service is starting"
        return None
