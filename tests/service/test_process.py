"""The service as an operator runs it: a process, signals, and what it refuses to start with."""

from __future__ import annotations

import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.keys import KeyFile
from tests.service.conftest import crop
from tests.service.fakes import write_grid_model

ROOT = Path(__file__).resolve().parents[2]
START_S = 30
JPEG = {"Content-Type": "image/jpeg"}


class Process:
    """One running service; `log` has its lines so far."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service", *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.log: list[str] = []
        self.url = ""
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._started.wait(START_S), self.log
        assert self.url, self.log

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"running on (http://[\d.:]+)", line):
                self.url = found[1]
                self._started.set()
        self._started.set()

    def end(self, sig: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(START_S)
        self._reader.join()
        assert self.process.stderr
        self.process.stderr.close()
        return status


@pytest.fixture
def launch(grid_model: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    with ExitStack() as stack:

        def begin(*more: str) -> Process:
            base = [
                "--model",
                str(grid_model),
                "--gallery",
                f"file:{tmp_path / 'data'}",
                "--port",
                "0",
                "--threads",
                "1",
            ]
            process = Process([*base, *more])
            stack.callback(process.end, signal.SIGKILL)
            return process

        yield begin


@pytest.mark.slow
def test_sigkill_loses_no_acknowledged_entry(launch: Callable[..., Process]) -> None:
    acknowledged: set[str] = set()
    for round_number in range(2):
        process = launch()

        def enrol(camera: int, url: str = process.url, prefix: int = round_number) -> None:
            with httpx.Client(base_url=url) as client:
                for n in range(10_000):
                    name = f"{prefix}-{camera}-{n}"
                    params = {"camera_id": f"c{camera}", "captured_at": "2026-11-22T10:00:00Z"}
                    try:
                        answer = client.put(
                            f"/galleries/default/entries/{name}", params=params, content=crop(n % 5), headers=JPEG
                        )
                    except httpx.TransportError:
                        return
                    assert answer.status_code == 201
                    acknowledged.add(name)

        before = len(acknowledged)
        threads = [threading.Thread(target=enrol, args=(camera,)) for camera in range(3)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < before + 20:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.1))
        process.end(signal.SIGKILL)
        for thread in threads:
            thread.join()

    process = launch()
    with httpx.Client(base_url=process.url) as client:
        found, cursor = set(), None
        while True:
            params = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
            page = client.get("/galleries/default/entries", params=params).json()
            found |= {entry["id"] for entry in page["entries"]}
            cursor = page["cursor"]
            if cursor is None:
                break
        assert acknowledged <= found
        best = client.post("/search?k=1", content=crop(3), headers=JPEG).json()["results"][0]["matches"][0]
        assert best["score"] == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_sigterm_under_load_loses_no_accepted_request(launch: Callable[..., Process]) -> None:
    """What the service has taken it answers, and the answer arrives: its log and the clients count the same.

    A connection that the kernel made and the closing port never handed over is reset; that request was not taken."""
    process = launch("--drain-notice-s", "1")
    statuses: list[int] = []

    def load() -> None:
        with httpx.Client(base_url=process.url, timeout=20) as client:
            while True:
                try:
                    statuses.append(client.post("/embed", content=crop(1), headers=JPEG).status_code)
                except httpx.TransportError:
                    if process.process.poll() is not None or not port_open(process.url):
                        return

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(statuses) < 50:
        time.sleep(0.01)
    process.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    answer = httpx.get(f"{process.url}/readyz", timeout=20)
    assert answer.status_code == 503
    assert answer.headers["connection"] == "close"
    assert "draining" in answer.json()["detail"]
    for thread in threads:
        thread.join()
    assert process.end(signal.SIGTERM) == 0
    taken = [json.loads(line)["status"] for line in process.log if '"message":"POST /embed' in line]
    assert set(statuses) == {200}
    assert sorted(taken) == sorted(statuses)


def port_open(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_the_log_is_json_with_request_ids_and_names_the_key(launch: Callable[..., Process], tmp_path: Path) -> None:
    key = KeyFile(tmp_path / "keys.json").create("camera 7", ["embed"])
    process = launch("--keys", str(tmp_path / "keys.json"))
    headers = JPEG | {"X-Request-Id": "my-request", "Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{process.url}/embed", content=crop(1), headers=headers)
    assert answer.headers["X-Request-Id"] == "my-request"
    strange = httpx.get(f"{process.url}/livez", headers={"X-Request-Id": "a b\tc"})
    assert re.fullmatch(r"[0-9a-f]{16}", strange.headers["X-Request-Id"])
    assert process.end(signal.SIGINT) == 0
    lines = [json.loads(line) for line in process.log]
    (access,) = [line for line in lines if line.get("request_id") == "my-request"]
    assert access["message"] == "POST /embed 200"
    assert (access["key"], access["status"]) == ("camera 7", 200)
    assert access["ms"] > 0
    assert not any(key in line for line in process.log)


def test_a_crop_with_damaged_exif_writes_no_plain_text_into_the_log(launch: Callable[..., Process]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 96)).save(buffer, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")
    process = launch()
    assert httpx.post(f"{process.url}/embed", content=buffer.getvalue(), headers=JPEG).status_code == 200
    assert process.end(signal.SIGINT) == 0
    warnings = [line for line in map(json.loads, process.log) if line["logger"] == "py.warnings"]
    assert ["Corrupt EXIF" in line["message"] for line in warnings] == [True]


def test_onnx_file_and_fake_agree(launch: Callable[..., Process]) -> None:
    from service.encoder import OnnxEncoder
    from tests.service.fakes import grid_colours

    process = launch()
    model = httpx.get(f"{process.url}/model").json()
    assert (model["model_id"], model["provider"]) == ("grid-1", "cpu")
    arguments: Any = process.process.args
    encoder = OnnxEncoder(Path(arguments[arguments.index("--model") + 1]), max_batch=4)
    images = np.random.default_rng(0).integers(0, 256, (11, 32, 16, 3), np.uint8)
    np.testing.assert_allclose(encoder(images), grid_colours(images), atol=1e-5)


def refused(*arguments: str, **environment: str) -> str:
    """The one line with which the service refuses to start."""
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_S,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if "error: " in line]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return errors[0]


@pytest.fixture
def here(grid_model: Path, tmp_path: Path) -> list[str]:
    return ["--model", str(grid_model), "--gallery", f"file:{tmp_path / 'data'}", "--port", "0", "--log-level", "error"]


def test_it_refuses_strangers_without_keys(here: list[str], tmp_path: Path) -> None:
    keys = ["--keys", str(tmp_path / "none.json")]
    line = refused(*here, *keys, "--host", "0.0.0.0")
    assert "0.0.0.0" in line
    assert "keys create" in line
    assert "--no-auth" in line


def test_it_refuses_files_it_cannot_serve(here: list[str], tmp_path: Path) -> None:
    model = tmp_path / "other.onnx"
    assert "no model file at" in refused(*here, "--model", str(model))
    model.write_bytes(b"not a model")
    assert "cannot be loaded" in refused(*here, "--model", str(model))
    write_grid_model(str(model), metadata={})
    assert "carries no contract" in refused(*here, "--model", str(model))
    write_grid_model(str(model), flavour="boxmot")
    assert "'boxmot'; the service takes 'service'" in refused(*here, "--model", str(model))


def test_it_refuses_wrong_settings_by_name(here: list[str]) -> None:
    assert "max_batch: Input should be greater than or equal to 1 (got '0')" in refused(*here, "--max-batch", "0")
    assert "max_crops is 500, more than queue_crops (256)" in refused(*here, REID_MAX_CROPS="500")
    assert "'cuda' is not in this build of ONNX Runtime" in refused(*here, "--providers", "cuda,cpu")


def test_it_refuses_a_directory_or_port_in_use(launch: Callable[..., Process], here: list[str]) -> None:
    process = launch()
    assert "data" in refused(*here)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        there = [*here[:2], "--gallery", f"{here[3]}-other", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            [sys.executable, "-m", "service", *there], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert "address already in use" in done.stderr
    assert process.process.poll() is None
