"""The whole service in one process, with a fake model and galleries in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.service.fakes import FakeEncoder, MemoryGalleries, write_grid_model

Start = Callable[..., TestClient]


def crop(seed: int = 0, kind: str = "JPEG", size: tuple[int, int] = (48, 96)) -> bytes:
    """A drawn crop: blocks of random colours, so that every seed is another person."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(name="crop", scope="session")
def crop_fixture() -> Callable[..., bytes]:
    return crop


@pytest.fixture(scope="session")
def grid_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "grid.onnx"
    write_grid_model(str(path))
    return path


@pytest.fixture
def galleries() -> MemoryGalleries:
    return MemoryGalleries()


@pytest.fixture
def start(galleries: MemoryGalleries) -> Iterator[Start]:
    """Starts a service: start(encoder=…, keys=…, max_crops=…) gives a client of it."""
    with ExitStack() as stack:

        def begin(
            encoder: FakeEncoder | None = None, keys: Any = None, health: Any = None, **settings: Any
        ) -> TestClient:
            app = create_app(
                Settings(threads=1, **settings), encoder=encoder or FakeEncoder(), galleries=galleries, keys=keys,
                health=health,
            )  # fmt: skip
            client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
            return stack.enter_context(client)

        yield begin


@pytest.fixture
def client(start: Start) -> TestClient:
    return start()
