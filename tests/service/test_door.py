"""A full house says so at the door, in the very words the application would use, and the connection goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.fakes import FakeEncoder, MemoryGalleries
from tests.service.live import served

Crop = Callable[..., bytes]
JPEG = {"Content-Type": "image/jpeg"}
WAIT_S = 10
HEAD = b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def full(crop: Crop) -> Iterator[str]:
    """The URL of a service whose only place is taken."""
    entered, released = threading.Event(), threading.Event()

    def hold(_: np.ndarray) -> None:
        entered.set()
        assert released.wait(WAIT_S)

    app = create_app(
        Settings(threads=1, queue_crops=1, max_crops=1), encoder=FakeEncoder(before=hold), galleries=MemoryGalleries()
    )
    with served(app) as url:
        inside = threading.Thread(
            target=lambda: httpx.post(f"{url}/embed", content=crop(1), headers=JPEG, timeout=WAIT_S)
        )
        inside.start()
        assert entered.wait(WAIT_S)
        try:
            yield url
        finally:
            released.set()
            inside.join()


def test_it_is_the_answer_of_the_application(full: str, crop: Crop) -> None:
    """Which answers itself where the connection is to end with the answer."""
    with httpx.Client(base_url=full, headers=JPEG, timeout=WAIT_S) as client:
        own = {"X-Request-Id": "camera-7.42"}
        at_the_door = client.post("/embed?on_error=skip", content=crop(1), headers=own)
        inside = client.post("/embed?on_error=skip", content=crop(1), headers=own | {"Connection": "close"})
    assert at_the_door.status_code == inside.status_code == 429
    assert at_the_door.json() == inside.json()
    told = dict(inside.headers)
    assert told.pop("connection") == "close"
    assert at_the_door.headers.pop("date")
    assert told.pop("date")
    assert dict(at_the_door.headers) == told
    assert told["x-request-id"] == "camera-7.42"


def test_the_body_of_a_refused_request_is_read_past(full: str) -> None:
    address = httpx.URL(full)
    with socket.create_connection((address.host, address.port), timeout=WAIT_S) as line:
        for _ in range(2):
            line.sendall(HEAD % 300_000)
            assert line.recv(4096).startswith(b"HTTP/1.1 429 "), "told before a byte of the body was sent"
            line.sendall(bytes(300_000))
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_an_answer_never_overtakes_the_one_before_it(full: str) -> None:
    """Requests sent without waiting are answered in their order, whoever answers."""
    address = httpx.URL(full)
    with socket.create_connection((address.host, address.port), timeout=WAIT_S) as line:
        line.sendall(b"GET /model HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD % 3 + b"abc")
        received = b""
        while received.count(b"HTTP/1.1 ") < 2:
            received += line.recv(65_536)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 429 " in received


@pytest.mark.parametrize("path", ["/model", "/embedded"])
def test_other_routes_are_not_refused_at_the_door(full: str, path: str) -> None:
    assert httpx.post(f"{full}{path}", content=b"", headers=JPEG).status_code != 429
