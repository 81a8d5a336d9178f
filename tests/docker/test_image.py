"""The built image, run as an operator runs it. `make test-image`."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.docker.container import Container, docker

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = "/galleries/default/entries"
SIGHTING = {"camera_id": "entrance", "captured_at": "2026-11-22T10:00:00Z"}
JPEG = {"Content-Type": "image/jpeg"}
Run = Callable[..., Container]


def enrol(service: Container, crops: list[bytes]) -> None:
    for number, crop in enumerate(crops):
        answer = service.http.put(f"{ENTRIES}/e{number}", params=SIGHTING, content=crop, headers=JPEG)
        assert answer.status_code == 201, answer.text


def found(service: Container, crop: bytes) -> str:
    """The id of the best match."""
    answer = service.http.post("/search", content=crop, headers=JPEG)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["results"][0]["matches"][0]["id"])


def test_the_gallery_outlives_the_container(run: Run, crops: list[bytes]) -> None:
    """An upgrade: a new container on the volume of the old one."""
    old = run().wait_ready()
    assert len(old.http.post("/embed", content=crops[0], headers=JPEG).json()["embeddings"][0]) > 0
    enrol(old, crops)
    assert found(old, crops[2]) == "e2"
    assert old.stop() == 0
    assert "drain" in old.logs()
    new = run().wait_ready()
    assert new.http.get("/galleries/default").json()["entries"] == len(crops)
    assert [found(new, crop) for crop in crops] == ["e0", "e1", "e2", "e3"]


def test_it_stops_while_it_starts(run: Run) -> None:
    """The kernel drops signals that process 1 does not handle; a gallery that is rebuilt may take minutes to start."""
    service = run()
    while not handles_sigterm(service.run("cat", "/proc/1/status")):
        time.sleep(0.05)
    assert service.stop() == 0


def handles_sigterm(status: str) -> bool:
    """Whether SIGTERM is in SigCgt, the mask of caught signals; bit 0 is signal 1."""
    caught = re.search(r"SigCgt:\s+([0-9a-f]+)", status)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_its_own_health_check_sees_that_it_is_ready(run: Run) -> None:
    service = run("--health-interval", "1s").wait_ready()
    deadline = time.monotonic() + 20
    while service.state("Health")["Status"] == "starting" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert service.state("Health")["Status"] == "healthy", service.state("Health")


def test_it_is_nobody_in_particular_and_can_write_nowhere_but_data(run: Run) -> None:
    service = run().wait_ready()
    assert service.run("id", "-u", "-n").strip() == "reid"
    status = service.run("cat", "/proc/1/status")
    assert re.search(r"CapEff:\s+0{16}\n", status)
    assert re.search(r"NoNewPrivs:\s+1\n", status)
    assert docker("exec", service.id, "touch", "/app/x", check=False).returncode != 0
    assert docker("exec", service.id, "touch", "/data/x").returncode == 0


def test_without_keys_it_explains_and_stops(run: Run) -> None:
    service = run("-e", "REID_API_KEY")
    assert service.wait_stopped() == 1
    assert "keys create" in service.logs()
    assert "--no-auth" in service.logs()


def test_a_key_that_its_own_command_made_opens_it(image: str, volume: str, run: Run) -> None:
    made = docker("run", "--rm", "-v", f"{volume}:/data", image, "keys", "create", "gate", "--scope", "search")
    service = run("-e", "REID_API_KEY").wait_ready()
    address = service.http.base_url
    assert httpx.get(f"{address}/model", trust_env=False).status_code == 401
    assert httpx.get(f"{address}/model", headers={"X-API-Key": made.stdout.strip()}, trust_env=False).status_code == 200


def test_a_data_directory_of_another_owner_says_what_to_do(run: Run, tmp_path: Path) -> None:
    """As with `-v ./data:/data`: a folder of the host keeps the owner that it has there."""
    service = run(on=str(tmp_path))
    assert service.wait_stopped() == 1
    assert "/data cannot be used: Permission denied" in service.logs()
    assert "chown -R 10001:10001" in service.logs()


def test_a_backup_brings_the_gallery_back(image: str, volume: str, run: Run, crops: list[bytes]) -> None:
    """The two commands of docs/deploy.md, around a volume that is lost."""
    service = run().wait_ready()
    enrol(service, crops)
    assert service.stop() == 0
    tar = ("--rm", "--interactive", "--network", "none", "--entrypoint", "tar")
    client = os.environ.get("DOCKER", "docker")
    packed = subprocess.run(
        [client, "run", *tar, "-v", f"{volume}:/data:ro", image, "-C", "/data", "-cz", "."],
        check=True,
        capture_output=True,
    ).stdout
    restored = f"{volume}-restored"
    docker("volume", "create", restored)
    try:
        subprocess.run(
            [client, "run", *tar, "-v", f"{restored}:/data", image, "-C", "/data", "-xz"], check=True, input=packed
        )
        verify = ("--entrypoint", "python", image, "-m", "gallery_index", "verify", "/data")
        docker("run", "--rm", "--network", "none", "-v", f"{restored}:/data", *verify)
        again = run(on=restored).wait_ready()
        assert [found(again, crop) for crop in crops] == ["e0", "e1", "e2", "e3"]
        again.remove()
    finally:
        docker("volume", "rm", "--force", restored, check=False)


def test_one_cpu_and_one_gigabyte_are_respected(run: Run, crops: list[bytes]) -> None:
    """Threads follow the quota, not the machine; full batches fit. A full batch of the compact model is 16 crops."""
    service = run("--cpus", "1", "--memory", "1g", "--memory-swap", "1g").wait_ready()
    count = "from service.cpus import usable_cpus; import faiss; print(usable_cpus(), faiss.omp_get_max_threads())"
    assert service.run("python", "-c", count).strip() == "1 1"
    body = b"".join(struct.pack("<I", len(crop)) + crop for crop in crops * 32)
    for _ in range(3):
        answer = service.http.post("/embed", content=body, headers={"Content-Type": "application/x-crops"})
        assert len(answer.json()["embeddings"]) == len(crops) * 32
    assert not service.state("OOMKilled")
    resident = int(re.search(r"VmHWM:\s+(\d+) kB", service.run("cat", "/proc/1/status"))[1])  # type: ignore[index]
    assert resident * 1024 <= 600e6


def test_it_holds_the_locked_packages_and_no_others(image: str) -> None:
    listing = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"
    told = set(
        docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", listing).stdout.split()
    )
    locked = [line for line in (ROOT / "docker/requirements.txt").read_text().split("\n") if "==" in line]
    installed = [name for name in told if not name.startswith("pgfl-kd-reid==")]
    assert sorted(installed, key=str.lower) == sorted(locked, key=str.lower)
    assert len(told) == len(installed) + 1


def test_it_is_small(image: str) -> None:
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout) <= 450e6


def test_it_tells_its_version(run: Run) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    told = run().wait_ready().http.get("/model").json()["service_version"]
    assert f'version = "{told}"' in project


def test_its_configuration_is_what_orchestrators_need(image: str) -> None:
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image).stdout)
    assert config["User"] == "10001:10001"  # a number: Kubernetes cannot tell a name from root
    assert config["Entrypoint"] == ["python", "-m", "service"]
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert list(config["Volumes"]) == ["/data"]
