"""The service as a child process that never outlives the demo."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_WITHIN_S = 60


@contextmanager
def service(model: Path, home: Path, examples: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Starts it, waits until it is ready, and stops it at the end. home: its galleries and log lie there.
    examples: folder of crops that the page offers as queries.

    Raises ValueError with the service's own words if it does not start.
    """
    log = home / "service.log"
    command = [sys.executable, "-m", "service", "--model", str(model), "--gallery", f"file:{home / 'data'}"]
    command += ["--keys", str(home / "keys.json"), "--port", str(port), "--store-thumbnails", "--log-format", "text"]
    command += ["--examples-dir", str(examples)]
    with log.open("wb") as output:
        # a session of its own: Ctrl-C reaches the demo alone, which then stops the service in order
        child = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait(child, port, log)
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=40)
        except subprocess.TimeoutExpired:
            child.kill()


def _wait(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise ValueError(f"the service stopped at once: {lines[-1]}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise ValueError(f"the service was not ready within {READY_WITHIN_S} s; {log} says more")
