"""Containers of an image under test, through the `docker` command, as an operator runs them."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
API_KEY = "a key of the image tests, long enough"


def docker(*arguments: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs docker; its message fails the test that called."""
    command = [os.environ.get("DOCKER", "docker"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done


def free_port() -> int:
    """A port that was free a moment ago. The network is the host's, so that an engine without a bridge will do."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def drawn_crop(seed: int) -> bytes:
    """A JPEG of 64×128 pixels of coloured blocks; each seed is another 'person'."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 4, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((64, 128), Image.Resampling.NEAREST).save(buffer, "JPEG")
    return buffer.getvalue()


class Container:
    """A service that runs as the image ships it: any user's volume, read-only root, no capability."""

    def __init__(self, image: str, volume: str, *options: str, arguments: Sequence[str] = ()) -> None:
        port = free_port()
        settings = ("-e", f"REID_PORT={port}", "-e", f"REID_API_KEY={API_KEY}")
        run = ("run", "--detach", "--network", "host", *HARDENED, "-v", f"{volume}:/data", *settings, *options)
        self.started = time.monotonic()
        self.id = docker(*run, image, *arguments).stdout.strip()
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=60, headers={"X-API-Key": API_KEY}, trust_env=False
        )

    def wait_ready(self) -> Container:
        """Returns once /readyz says so."""
        while time.monotonic() < self.started + 60:
            if not self.state("Running"):
                pytest.fail(f"the container stopped: {self.logs()}")
            try:
                if self.http.get("/readyz").is_success:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail(f"not ready after 60 s: {self.logs()}")

    def wait_stopped(self) -> int:
        """The exit status of a container that ends by itself."""
        return int(docker("wait", self.id, timeout=60).stdout)

    def stop(self) -> int:
        """SIGTERM, then the exit status."""
        docker("stop", "--time", "40", self.id)
        return int(self.state("ExitCode"))

    def state(self, field: str) -> Any:
        return json.loads(docker("inspect", "--format", "{{json .State}}", self.id).stdout)[field]

    def logs(self) -> str:
        logs = docker("logs", self.id)
        return logs.stdout + logs.stderr

    def run(self, *command: str) -> str:
        """What a command prints inside the running container."""
        return docker("exec", self.id, *command).stdout

    def remove(self) -> None:
        self.http.close()
        docker("rm", "--force", self.id, check=False)
