"""From a drawn crop to the right person, as a camera system would do it; and what a crash may not take away."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.end_to_end.deployed import ROOT, Service, clean_environment

pytestmark = pytest.mark.slow
Crops = Callable[[str], list[tuple[str, str, str, bytes]]]
ENTRIES = "/galleries/default/entries"


def framed(blocks: list[bytes]) -> bytes:
    """application/x-crops: each block behind its length."""
    return b"".join(struct.pack("<I", len(block)) + block for block in blocks)


def enrolment(crops: list[tuple[str, str, str, bytes]]) -> bytes:
    entries = [
        {"id": id_, "person_id": person, "camera_id": camera, "captured_at": "2026-11-22T10:00:00Z"}
        for id_, person, camera, _ in crops
    ]
    return framed([json.dumps(entries).encode(), *(jpeg for *_, jpeg in crops)])


X_CROPS = {"Content-Type": "application/x-crops"}


@pytest.mark.parametrize("module", ["torch", "timm", "torchvision", "onnx", "matplotlib"])
def test_the_service_environment_has_nothing_of_training(service_python: Path, module: str) -> None:
    tried = subprocess.run(
        [service_python, "-c", f"import {module}"], capture_output=True, text=True, env=clean_environment(), check=False
    )
    assert f"No module named '{module}'" in tried.stderr


def test_help_in_the_service_environment(service_python: Path) -> None:
    said = subprocess.run(
        [service_python, "-m", "service", "--help"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--model" in said.stdout
    assert "--gallery" in said.stdout


def test_embed_over_http(service: Service, crops: Crops) -> None:
    jpegs = [jpeg for *_, jpeg in crops("query")[:3]]
    answer = service.http.post(
        "/embed", content=framed(jpegs), headers=X_CROPS | {"Accept": "application/octet-stream"}
    )
    assert answer.status_code == 200
    rows = np.frombuffer(answer.content, "<f4").reshape(int(answer.headers["X-Embedding-Count"]), -1)
    assert rows.shape == (3, int(answer.headers["X-Embedding-Dim"]))
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    as_json = service.http.post("/embed", content=jpegs[0], headers={"Content-Type": "image/jpeg"}).json()
    assert as_json["embeddings"][0] == pytest.approx(rows[0].tolist(), abs=1e-5)


def test_a_half_hidden_person_is_found_and_is_still_found_after_a_restart(service: Service, crops: Crops) -> None:
    gallery, queries = crops("gallery"), crops("query")
    enrolled = service.http.post(ENTRIES, content=enrolment(gallery), headers=X_CROPS)
    assert enrolled.json()["created"] == len(gallery)

    def found() -> dict[str, list[str]]:
        return {
            id_: [match["person_id"] for match in result["matches"]]
            for id_, *_, jpeg in queries
            for result in service.http.post(
                "/search?k=5&group_by=person", content=jpeg, headers={"Content-Type": "image/jpeg"}
            ).json()["results"]
        }

    before = found()
    right = [before[id_][0] == person for id_, person, *_ in queries]
    assert np.mean(right) > 2 / 8  # an untrained model; chance is one in eight people
    assert service.stop() == 0
    service.start()
    assert found() == before


def test_sigkill_in_the_middle_of_enrolling_loses_nothing_acknowledged(service: Service, crops: Crops) -> None:
    jpeg = crops("gallery")[0][-1]
    acknowledged: list[str] = []
    enough = threading.Event()

    def enrol(writer: int) -> None:
        with httpx.Client(base_url=service.url) as http:
            for i in range(1000):
                ids = [f"w{writer}-{i}-{j}" for j in range(4)]
                try:
                    answer = http.post(
                        ENTRIES, content=enrolment([(id_, "p", "c1", jpeg) for id_ in ids]), headers=X_CROPS
                    )
                except httpx.TransportError:
                    return
                if answer.is_success:
                    acknowledged.extend(ids)
                if len(acknowledged) > 40:
                    enough.set()

    writers = [threading.Thread(target=enrol, args=(i,)) for i in range(3)]
    for writer in writers:
        writer.start()
    assert enough.wait(timeout=60)
    service.stop(signal.SIGKILL)
    for writer in writers:
        writer.join()
    service.start()
    for id_ in acknowledged:
        assert service.http.get(f"{ENTRIES}/{id_}").status_code == 200, id_
    assert service.http.get("/galleries/default").json()["entries"] >= len(acknowledged)
