"""The service as it is deployed: a process of its own, in the environment that has the service extra only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-service" / "bin" / "python"
MODEL = ROOT / "models" / "lite0-imagenet.onnx"


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Service:
    """A running `python -m service`, and an HTTP client for it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)
        self._command = [PYTHON, "-m", "service", "--model", MODEL, "--gallery", f"file:{data}", "--port", str(port)]
        self._process: subprocess.Popen[bytes] | None = None
        self._log = data.with_suffix(".log")

    def start(self) -> None:
        """Returns once /readyz says so."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=ROOT, env=clean_environment(), stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self._log.read_text()
            try:
                if self.http.get("/readyz").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        pytest.fail(f"not ready after 30 s:\n{self._log.read_text()}")

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit status; 0 if it was not running."""
        if self._process is None:
            return 0
        self._process.send_signal(sent)
        status = self._process.wait(timeout=30)
        self._process = None
        return status


def clean_environment() -> dict[str, str]:
    """Without what this test run's own environment would lend the service."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "REID_"))}


class Demo:
    """`make demo` as it runs by itself, with its 60 drawn people."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [PYTHON, "-u", "-m", "demo", "--port", str(self.port)]
        environment = {k: v for k, v in clean_environment().items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        said = ""
        while f"http://127.0.0.1:{self.port}" not in said:
            line = self._process.stdout.readline()
            assert line, f"the demo ended: {said}"
            said += line

    def stop(self) -> int:
        """Ctrl-C; returns the exit status."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)
        return self._process.returncode
