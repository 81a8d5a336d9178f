"""A running service, and drawn people to show it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.deployed import PYTHON, Demo, Service
from training.data.synthetic import draw_dataset


@pytest.fixture(scope="session")
def service_python() -> Path:
    """`make test` makes the environment; without it these tests cannot say anything."""
    assert PYTHON.exists(), "run `make .venv-service/.ready` first (make test does)"
    return PYTHON


@pytest.fixture
def service(service_python: Path, tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "data")
    running.start()
    yield running
    running.http.close()
    running.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn people: gallery/ has six sightings of each, query/ one more, half hidden."""
    folder = tmp_path_factory.mktemp("people")
    draw_dataset(folder, 8, 6, 6, 3, train_share=0.0)
    return folder


@pytest.fixture(scope="session")
def crops(people: Path) -> Callable[[str], list[tuple[str, str, str, bytes]]]:
    """(entry id, person, camera, JPEG) of every crop of a split."""

    def read(split: str) -> list[tuple[str, str, str, bytes]]:
        files = sorted((people / split).glob("*.jpg"))
        return [(f.stem, *f.stem.split("_")[:2], f.read_bytes()) for f in files]

    return read


@pytest.fixture(scope="module")
def demo(service_python: Path) -> Iterator[Demo]:
    running = Demo()
    yield running
    assert running.stop() == 0
