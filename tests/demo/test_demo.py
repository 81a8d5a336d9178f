"""`python -m demo` as a newcomer runs it: a process of its own, stopped by Ctrl-C."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from demo import crops, examples
from reid_client import Client
from tests.service.fakes import write_grid_model
from training.data.synthetic import draw_dataset

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}} | {
    "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of crops named as Market-1501 names them, and a model beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for person in range(1, 5):
        for camera in (1, 2):
            pixels = np.random.default_rng(person).integers(0, 256, (8, 4, 3), np.uint8)
            Image.fromarray(pixels).resize((32, 64)).save(folder / f"{person:04d}_c{camera}_01.png")
    write_grid_model(str(tmp_path / "grid.onnx"))
    return folder


def command(folder: Path, port: int) -> list[str]:
    model = folder.parent / "grid.onnx"
    return [sys.executable, "-m", "demo", "--data", str(folder), "--model", str(model), "--port", str(port)]


@contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The demo once it has said where to look."""
    process = subprocess.Popen(
        command(folder, port), cwd=folder.parent, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout
        said = ""
        while f"http://127.0.0.1:{port}" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_enrols_serves_and_ctrl_c_stops_all_of_it(own: Path) -> None:
    port = free_port()
    with running(own, port) as process:
        url = f"http://127.0.0.1:{port}"
        gallery = httpx.get(f"{url}/galleries/default").json()
        assert (gallery["entries"], gallery["persons"]) == (8, 4)
        assert gallery["cameras"] == {"camera 1": 4, "camera 2": 4}
        assert len(httpx.get(f"{url}/examples").json()["examples"]) == 8
        assert httpx.get(f"{url}/").headers["content-type"].startswith("text/html")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/livez")


def test_the_second_time_it_enrols_nothing(own: Path) -> None:
    for _ in range(2):
        port = free_port()
        with running(own, port) as process:
            metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
    enrolments = re.search(r'reid_requests_total\{method="POST",route="[^"]*entries",status="200"\} (\S+)', metrics)
    assert enrolments is None


def test_a_folder_that_changed_is_what_is_searched(own: Path) -> None:
    """As many files as before; one is gone, another is new."""
    for name in ("0001_c1_01.png", "0009_c1_01.png"):
        (own / "0001_c1_01.png").rename(own / name)
        port = free_port()
        with running(own, port) as process:
            entries = httpx.get(f"http://127.0.0.1:{port}/galleries/default/entries").json()["entries"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        assert {entry["id"] for entry in entries} == {path.name for path in own.iterdir()}
        assert len(list((own.parent / ".cache/demo").glob("gallery-*"))) == 1  # none is left with what was deleted


def test_a_picture_replaced_by_another_of_its_name_is_what_is_found(own: Path) -> None:
    replaced, other = own / "0001_c1_01.png", np.random.default_rng(9).integers(0, 256, (8, 4, 3), np.uint8)
    for _ in range(2):
        port = free_port()
        with running(own, port) as process, Client(f"http://127.0.0.1:{port}") as client:
            ((best, *_rest),) = client.search([replaced])
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        assert best.person_id == "person 0001"
        assert best.score > 0.999
        Image.fromarray(other).resize((32, 64)).save(replaced)


def test_pictures_of_one_name_in_several_folders_stay_apart(tmp_path: Path) -> None:
    for folder in ("a/cam", "a cam", "a › cam", "b"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (32, 64)).save(tmp_path / folder / "x.jpg")
    (tmp_path / "b" / "broken.jpg").write_bytes(b"no picture")
    sightings = crops.of_folder(tmp_path)
    assert sorted(s.entry.id for s in sightings) == [
        "a cam › x.jpg", "a › cam › x.jpg", "a ›› cam › x.jpg", "b › broken.jpg", "b › x.jpg",
    ]  # fmt: skip
    examples.some_of(sightings, tmp_path / "queries")
    assert len(list((tmp_path / "queries").iterdir())) == 4


def test_examples_are_found_among_broken_pictures_and_in_deep_folders(tmp_path: Path) -> None:
    deep = tmp_path / "mine" / "/".join(["folder of a camera"] * 12)
    deep.mkdir(parents=True)
    for number in range(2 * examples.MANY):
        file = deep / f"{number:02d}.jpg"
        if number % 2:
            Image.new("RGB", (32, 64)).save(file)
        else:
            file.write_bytes(b"no picture")
    examples.some_of(crops.of_folder(tmp_path / "mine"), tmp_path / "queries")
    assert len(list((tmp_path / "queries").iterdir())) == examples.MANY


def test_what_cannot_work_is_said_in_one_line(own: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for folder, port, words in (
            (empty, free_port(), "holds no image"),
            (own, taken.getsockname()[1], "choose another with --port"),
        ):
            wish = [*command(own, port), "--data", str(folder)]
            ended = subprocess.run(
                wish, cwd=tmp_path, env=ENVIRONMENT, text=True, capture_output=True, check=False, timeout=60
            )
            assert ended.returncode == 1
            assert ended.stderr.startswith("error: ")
            assert ended.stderr.count("\n") == 1
            assert words in ended.stderr


def test_a_service_that_dies_ends_the_demo(own: Path) -> None:
    port = free_port()
    with running(own, port) as process:
        children = subprocess.run(["pgrep", "-P", str(process.pid)], text=True, capture_output=True, check=True)
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
        started = time.monotonic()
        assert process.wait(timeout=30) == 1
        assert time.monotonic() - started < 30


def test_examples_are_half_hidden_and_say_whom_to_expect(tmp_path: Path) -> None:
    draw_dataset(tmp_path / "people", 8, 3, 2, seed=2, train_share=0, queries_per_person=3, height=64, width=32)
    examples.half_hidden(tmp_path / "people", tmp_path / "queries")
    names = sorted(f.name for f in (tmp_path / "queries").iterdir())
    assert names
    known = {s.entry.person_id for s in crops.drawn(tmp_path / "people", "gallery")}
    for name in names:
        said = re.fullmatch(r"\d\d (person \d\d) (behind a .+|cut off)\.jpg", name)
        assert said
        assert said[1] in known


def test_make_demo_takes_a_folder_with_a_blank_in_its_name() -> None:
    make = ["make", "--dry-run", "--no-print-directory", "demo", "DATA=my photos"]
    told = subprocess.run(make, cwd=ROOT, text=True, capture_output=True, check=True).stdout
    assert shlex.split(told.splitlines()[-1])[-2:] == ["--data", "my photos"]
