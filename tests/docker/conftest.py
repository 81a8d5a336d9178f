"""An image to test, where there is one: `make test-image` builds it and names it in REID_TEST_IMAGE."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.docker.container import Container, docker, drawn_crop

Run = Callable[..., Container]


@pytest.fixture(scope="session")
def image() -> str:
    """The name of a built image."""
    name = os.environ.get("REID_TEST_IMAGE")
    if not name:
        pytest.skip("no image to test; `make test-image` builds one")
    return name


@pytest.fixture
def volume(image: str) -> Iterator[str]:
    """A new named volume; it takes over the owner that /data has in the image."""
    name = f"reid-test-{uuid.uuid4().hex}"
    docker("volume", "create", name)
    yield name
    docker("volume", "rm", "--force", name, check=False)


@pytest.fixture
def run(image: str, volume: str) -> Iterator[Run]:
    """run(*docker options, arguments=…) starts the service on the test's volume, and removes it afterwards."""
    containers: list[Container] = []

    def start(*options: str, on: str = volume, **more: Any) -> Container:
        containers.append(Container(image, on, *options, **more))
        return containers[-1]

    yield start
    for container in containers:
        container.remove()


@pytest.fixture(scope="session")
def crops() -> list[bytes]:
    """Four crops that no model takes for each other."""
    return [drawn_crop(seed) for seed in range(4)]
