"""A service of our own for a benchmark: `python -m service` as a child process on a free port, stopped at the end."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def running_service(model: Path, data: Path, *options: str, python: str = sys.executable) -> Iterator[str]:
    """Yields its URL once it is ready. data: a folder for the galleries and `service.log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [python, "-m", "service", "--model", str(model), "--gallery", f"file:{data}", "--port", str(port)]
    data.mkdir(parents=True, exist_ok=True)
    with (data / "service.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        _wait_until_ready(url, process, data / "service.log")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the service stopped at once:\n{log.read_text()}")
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"the service was not ready after {seconds:g} s:\n{log.read_text()}")
