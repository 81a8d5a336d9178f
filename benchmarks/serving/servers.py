"""The servers under test, as child processes, with what they use of the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. process: its root; workers are its children."""

    url: str
    process: psutil.Process

    @property
    def cpu_seconds(self) -> float:
        """Of the process and its children, since their start."""
        return sum(sum(p.cpu_times()[:2]) for p in self._all())

    @property
    def resident_mib(self) -> float:
        return sum(p.memory_info().rss for p in self._all()) / 2**20

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Stopped for the length of the block: a server that polls takes time even where nobody asks it anything."""
        processes = self._all()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def our_service(python: str, model: Path, threads: int, *options: str) -> Iterator[Server]:
    """`python -m service` on a free port, with an empty gallery."""
    with tempfile.TemporaryDirectory() as data:
        flags = [
            "--model",
            str(model),
            "--gallery",
            f"file:{data}",
            "--threads",
            str(threads),
            "--log-level",
            "warning",
        ]
        with _running([python, "-m", "service", *flags, *options], "--port", "/readyz") as server:
            yield server


def litserve(python: str, model: Path, threads: int) -> AbstractContextManager[Server]:
    """LitServe in the environment of `python`."""
    return _rival(python, "litserve_server.py", model, threads, "/health")


def bentoml(python: str, model: Path, threads: int) -> AbstractContextManager[Server]:
    """BentoML in the environment of `python`."""
    return _rival(python, "bentoml_server.py", model, threads, "/readyz")


def version_of(package: str, python: str) -> str:
    """Of a package in the environment of `python`."""
    asked = [python, "-c", f"import importlib.metadata as m; print(m.version({package!r}))"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def _rival(python: str, script: str, model: Path, threads: int, ready: str) -> AbstractContextManager[Server]:
    port = _free_port()
    file = ROOT / "benchmarks" / "serving" / script
    return _running([python, str(file), str(model), str(port), str(threads)], None, ready, port)


@contextmanager
def _running(command: Sequence[str], port_flag: str | None, ready: str, port: int | None = None) -> Iterator[Server]:
    port = port or _free_port()
    arguments = [*command, port_flag, str(port)] if port_flag else list(command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        server = Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        try:
            _wait(f"{server.url}{ready}", process)
            yield server
        finally:
            children = server.process.children(recursive=True)
            process.terminate()
            _, alive = psutil.wait_procs([server.process, *children], timeout=30)
            for left in alive:
                left.kill()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"no server at {url}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
