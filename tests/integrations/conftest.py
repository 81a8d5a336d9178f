"""Real trackers, in an environment of their own: `make test-integrations`.

Files are exported by the development environment, the service runs in its own; the trackers see only what a user of
theirs would: an .onnx file, or an HTTP address.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reid_client import Client
from tests.end_to_end.deployed import ROOT, Service, clean_environment
from training.data.synthetic import draw_cameras, draw_crop, draw_people

HEIGHT, WIDTH = 256, 128
PEOPLE = 6
EXPORTER = os.environ.get("REID_EXPORT_PYTHON", str(ROOT / ".venv" / "bin" / "python"))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """flavour -> a file of the weights that `models/lite0-imagenet.onnx` holds."""
    folder = tmp_path_factory.mktemp("exported")

    def export(flavour: str) -> Path:
        out = folder / f"{flavour}.onnx"
        command = [EXPORTER, "-m", "export", "timm:tf_efficientnet_lite0", str(out), "--flavour", flavour]
        subprocess.run(command, cwd=ROOT, env=clean_environment(), check=True, capture_output=True)
        return out

    return export


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    service = Service(tmp_path_factory.mktemp("service") / "gallery")
    service.start()
    with Client(service.url) as client:
        yield client
    service.stop()
    service.http.close()


_FIGURES: list[str] = []


@pytest.fixture
def worst_cosine(request: pytest.FixtureRequest) -> Callable[[NDArray[np.float32], NDArray[np.float32]], float]:
    """Of two sets of unit rows; the run's summary shows it."""

    def worst(theirs: NDArray[np.float32], ours: NDArray[np.float32]) -> float:
        cosine = float((theirs * ours).sum(axis=1).min())
        _FIGURES.append(f"{request.node.nodeid.split('/')[-1]}: worst cosine {cosine:.6f} of {len(ours)} crops")
        return cosine

    return worst


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _FIGURES:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def crops() -> list[NDArray[np.uint8]]:
    """Drawn people at the model's size, RGB."""
    return draw(HEIGHT, WIDTH)


def draw(height: int, width: int) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    people, cameras = draw_people(PEOPLE, seed=3), draw_cameras(2, seed=3)
    return [
        np.asarray(draw_crop(p, cameras[i % 2], rng, height=height, width=width).image) for i, p in enumerate(people)
    ]


def side_by_side(crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """One frame as OpenCV reads it (BGR), and a box (x1, y1, x2, y2) for each crop."""
    frame = np.ascontiguousarray(np.concatenate(crops, axis=1)[..., ::-1])
    height, width, _ = crops[0].shape
    boxes = [(i * width, 0, (i + 1) * width, height) for i in range(len(crops))]
    return frame, np.array(boxes, np.float32)


def street(crops: list[NDArray[np.uint8]], frames: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """People who each walk down their own lane of a grey street: frames (BGR) and true boxes."""
    lane = WIDTH + 32
    for step in range(frames):
        frame = np.full((HEIGHT + 8 * frames, lane * len(crops), 3), 127, np.uint8)
        boxes = []
        for i, crop in enumerate(crops):
            x, y = i * lane + 16, 8 * step
            frame[y : y + HEIGHT, x : x + WIDTH] = crop[..., ::-1]
            boxes.append((x, y, x + WIDTH, y + HEIGHT))
        yield frame, np.array(boxes, np.float32)
