"""What the service's container costs: size, time until it is ready, memory.

    python -m benchmarks.container [IMAGE] [--starts N] [--json FILE]

Each start is a new container on a new, empty volume, hardened as in docs/deploy.md; ready is when /readyz first says
so. The baseline of the same run is the engine's own share: a container of the same image that only runs `true`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import struct
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import track

from benchmarks.machine import machine
from tests.docker.container import HARDENED, Container, docker, drawn_crop

CROPS, REQUESTS = 128, 10


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    bare, ready, busy = [], [], []
    for _ in track(range(options.starts), description="starts"):
        bare.append(run_true(options.image))
        with service(options.image) as running:
            ready.append(time.monotonic() - running.started)
            busy.append(cpu_seconds(running))
    with service(options.image, "--cpus", "1", "--memory", "1g", "--memory-swap", "1g") as running:
        empty = resident_mb(running, "VmRSS")
        embed(running)
        loaded, peak = resident_mb(running, "VmRSS"), resident_mb(running, "VmHWM")
    result = {
        "machine": machine(),
        "image_mb": round(int(docker("image", "inspect", "--format", "{{.Size}}", options.image).stdout) / 1e6, 1),
        "starts": options.starts,
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "ready_seconds": {"median": round(statistics.median(ready), 2), "worst": round(max(ready), 2)},
        "ready_cpu_seconds": {"median": round(statistics.median(busy), 2), "worst": round(max(busy), 2)},
        "true_seconds": {"median": round(statistics.median(bare), 2), "worst": round(max(bare), 2)},
        "ready_to_true": round(statistics.median(ready) / statistics.median(bare), 2),
        "resident_mb": {"ready": empty, f"after {REQUESTS} x {CROPS} crops": loaded, "peak": peak},
    }
    text = json.dumps(result, indent=2)
    print(text)
    options.json.write_text(text + "\n", encoding="utf-8")
    return 0


@contextmanager
def service(image: str, *options: str) -> Iterator[Container]:
    """A ready service on a volume of its own."""
    volume = f"reid-benchmark-{uuid.uuid4().hex}"
    docker("volume", "create", volume)
    container = Container(image, volume, *options)
    try:
        yield container.wait_ready()
    finally:
        container.remove()
        docker("volume", "rm", "--force", volume)


def run_true(image: str) -> float:
    """Seconds that the engine itself takes for a container."""
    started = time.monotonic()
    docker("run", "--rm", "--network", "host", *HARDENED, "--entrypoint", "true", image)
    return time.monotonic() - started


def embed(running: Container) -> None:
    body = b"".join(struct.pack("<I", len(crop)) + crop for crop in map(drawn_crop, range(CROPS)))
    for _ in range(REQUESTS):
        running.http.post("/embed", content=body, headers={"Content-Type": "application/x-crops"}).raise_for_status()


def cpu_seconds(running: Container) -> float:
    """What the process has computed so far, user and system: what a start costs whatever else the machine does."""
    fields = running.run("cat", "/proc/1/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(running: Container, field: str) -> float:
    """VmRSS is what is resident now, VmHWM the most it ever was."""
    found = re.search(rf"{field}:\s+(\d+) kB", running.run("cat", "/proc/1/status"))
    assert found is not None
    return round(int(found[1]) * 1024 / 1e6, 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.container", description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", default="pgfl-kd-reid", help="a built image (make image)")
    parser.add_argument("--starts", type=int, default=5, help="containers to start (default: 5)")
    parser.add_argument(
        "--json", type=Path, default=Path(__file__).with_name("results.json"), help="where the figures go"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
