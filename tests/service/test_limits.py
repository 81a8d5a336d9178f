"""What costs the caller little must not cost the service much: JSON, stalled bodies, hung models, idle connections."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from starlette.testclient import TestClient

from service import app as application
from service import batcher, connections, pipeline
from service.app import create_app
from service.bodies import vectors
from service.errors import BadRequest
from service.health import Health
from service.server import Server
from service.settings import Settings
from tests.service.fakes import DIM, FakeEncoder, MemoryGalleries
from tests.service.live import served

Start = Callable[..., TestClient]
Crop = Callable[..., bytes]
JPEG = {"Content-Type": "image/jpeg"}
ROW = [1.0] + [0.0] * (DIM - 1)
WAIT_S = 10


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/embed", {"images": [0] * 500_000}, "images"),
        ("/embed", {f"x{i}": 0 for i in range(50_000)}, "50000 fields"),
        ("/search", {"embeddings": [ROW], "filter": {"cameras": [0] * 100_000}}, "filter.cameras"),
        ("/search", {"embeddings": [ROW], "filter": {"attributes": {f"{i}": 0 for i in range(9_999)}}}, "9999 fields"),
        ("/galleries/default/entries", {"entries": [0] * 100_000}, "entries"),
    ],
)  # fmt: skip
def test_a_million_faults_are_one_short_answer(client: TestClient, path: str, body: dict[str, Any], word: str) -> None:
    answer = client.post(path, content=orjson.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert len(answer.content) < 3_000


@pytest.mark.parametrize("values", [b"[[[]]],", b"{},", b"[],", b"0,"])
def test_json_that_would_take_many_times_its_size_is_not_parsed(client: TestClient, values: bytes) -> None:
    body = b'{"images":[' + values * 600_000 + b"0]}"
    tracemalloc.start()
    answer = client.post("/embed", content=body, headers={"Content-Type": "application/json"})
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, "500000" in answer.json()["detail"]) == (413, True)
    assert highest < 8 * len(body)


HEADS = {
    "one header": b"X-A: " + b"a" * 10_000_000,
    "many headers": b"A: b\r\n" * 500_000,
    "no end of a line": b"a" * 10_000_000,
    "a header too many": b"X-A: " + b"a" * 65_536 + b"\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_without_an_end_is_refused(head: bytes) -> None:
    app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
    with served(app) as url, socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as line:
        line.settimeout(WAIT_S)
        with suppress(ConnectionError):  # the service need not read what it has refused
            line.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head)
        with suppress(ConnectionError):
            answer = line.recv(65536).decode()
            assert answer.splitlines()[0] == "HTTP/1.1 431 Request Header Fields Too Large"
            assert "65536 bytes" in answer
        assert 'status="431"} 1.0' in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/livez", headers={"X-A": "a" * 60_000}).status_code == 200


@pytest.mark.parametrize("after", [b"0\r\nX-A: " + b"a" * 1_000_000, b"5;" + b"a" * 1_000_000])
def test_nor_may_a_body_in_chunks_end_in_a_flood(after: bytes) -> None:
    app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
    with served(app) as url, socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as line:
        line.settimeout(WAIT_S)
        line.sendall(
            b"POST /embed HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
        )
        with suppress(ConnectionError):
            line.sendall(after)
            assert line.recv(65536) == b""
        held = "reid_body_bytes 5.0"  # until the request has heard that its connection is gone
        began = time.monotonic()
        while held in httpx.get(f"{url}/metrics").text:
            assert time.monotonic() - began < WAIT_S


def test_of_many_faults_the_first_are_told(client: TestClient) -> None:
    faults = {f"wrong{i}": 1 for i in range(40)}
    detail = client.post("/embed", json=faults).json()["detail"]
    assert "wrong0" in detail
    assert detail.endswith("and 31 more")


@pytest.mark.parametrize(
    "row", [["x" * 200_000, *[""] * (DIM - 1)], [None] * DIM, [True] * DIM, ["1.0"] * DIM, [[1.0]] * DIM]
)  # fmt: skip
def test_rows_of_anything_but_numbers_are_refused_before_numpy_sees_them(row: list[Any]) -> None:
    tracemalloc.start()
    with pytest.raises(BadRequest):
        vectors([row], DIM, 8)
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < 1_000_000


def test_tensors_of_text_are_refused_and_nested_ones_read(client: TestClient) -> None:
    url = "/v2/models/reid/infer"
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 32, 16, 3]}

    def ask(data: Any) -> httpx.Response:
        return client.post(url, json={"inputs": [{**tensor, "data": data}]})

    assert ask(["x" * 100_000, *[0] * 1535]).status_code == 422
    assert ask([True] * 1536).status_code == 422
    assert ask([256] * 1536).status_code == 422
    assert ask([]).status_code == 422
    nested = [[[[7] * 3 for _ in range(16)] for _ in range(32)]]
    assert ask(nested).json()["outputs"] == ask([7] * 1536).json()["outputs"]


def test_a_body_that_stalls_is_given_up_at_its_deadline() -> None:
    app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
    with served(app) as url, socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0)) as line:
        line.sendall(
            b"POST /embed HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nX-Request-Deadline-Ms: 200\r\n"
            b"Content-Length: 1000000\r\n\r\n" + bytes(1000)
        )
        line.settimeout(WAIT_S)
        answer = line.recv(65536).decode()
        assert "504" in answer.splitlines()[0]
        assert "1000 bytes of the body" in answer
        assert "reid_body_bytes 0.0" in httpx.get(f"{url}/metrics").text


def test_nobody_waits_for_a_model_that_hangs(start: Start, crop: Crop, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(batcher, "_STUCK_S", 0.1)
    monkeypatch.setattr(pipeline, "_PROBE_S", 0.1)
    client = start(encoder=FakeEncoder(before=lambda _: released.wait(WAIT_S) and None))
    try:
        began = time.monotonic()
        answer = client.post("/embed", content=crop(1), headers={**JPEG, "X-Request-Deadline-Ms": "300"})
        assert answer.status_code == 504
        assert time.monotonic() - began < WAIT_S / 2
        for probe in ("/readyz", "/v2/health/ready"):
            unready = client.get(probe)
            assert unready.status_code == 503
            assert "0.1 s" in unready.json()["detail"]
    finally:
        released.set()
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() - began < WAIT_S
    assert client.post("/embed", content=crop(1), headers=JPEG).status_code == 200


def test_a_model_that_never_answers_ends_the_service(crop: Crop, monkeypatch: pytest.MonkeyPatch) -> None:
    released, stopped = threading.Event(), threading.Event()
    monkeypatch.setattr(batcher, "_STUCK_S", 0.1)
    monkeypatch.setattr(batcher, "_HOPELESS_S", 0.3)
    monkeypatch.setattr(application, "_LOOK_EVERY_S", 0.05)
    encoder = FakeEncoder(before=lambda _: released.wait(3 * WAIT_S) and None)
    health = Health(stop=stopped.set)
    app = create_app(Settings(threads=1), encoder=encoder, galleries=MemoryGalleries(), health=health)
    try:
        with TestClient(app, base_url="http://127.0.0.1") as client:
            assert not stopped.wait(0.5)
            client.post("/embed", content=crop(1), headers={**JPEG, "X-Request-Deadline-Ms": "100"})
            assert stopped.wait(WAIT_S)
            assert health.broken
            assert "answers no more" in client.get("/readyz").json()["detail"]
    finally:
        released.set()


def test_nor_does_the_end_of_the_service(crop: Crop, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(batcher, "_STUCK_S", 0.1)
    app = create_app(
        Settings(threads=1),
        encoder=FakeEncoder(before=lambda _: released.wait(3 * WAIT_S) and None),
        galleries=MemoryGalleries(),
    )
    try:
        began = time.monotonic()
        with TestClient(app, base_url="http://127.0.0.1") as client:
            client.post("/embed", content=crop(1), headers={**JPEG, "X-Request-Deadline-Ms": "100"})
        assert time.monotonic() - began < WAIT_S
    finally:
        released.set()


def test_whoever_searches_does_not_wait_for_those_who_erase(start: Start, galleries: MemoryGalleries) -> None:
    client, released = start(searchers=1), threading.Event()
    gallery = galleries.open("default")
    gallery.erase = lambda *_, **__: released.wait(WAIT_S) and 0  # type: ignore[method-assign,assignment]
    with ThreadPoolExecutor(2) as pool:
        erasures = [pool.submit(client.delete, "/galleries/default/entries?person_id=p") for _ in range(2)]
        try:
            answer = client.post("/search", json={"embeddings": [ROW]}, headers={"X-Request-Deadline-Ms": "3000"})
            assert answer.status_code == 200
            assert not any(erasure.done() for erasure in erasures)
        finally:
            released.set()
        assert [erasure.result().status_code for erasure in erasures] == [200, 200]


def test_retention_goes_on_after_a_full_disk(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def expire(_: MemoryGalleries) -> int:
        rounds.append(1)
        raise OSError(28, "No space left on device")

    async def no_time(_: float) -> None:
        await really(0.01)

    really = asyncio.sleep
    monkeypatch.setattr(MemoryGalleries, "expire", expire)
    monkeypatch.setattr("service.app.asyncio.sleep", no_time)
    client, began = start(), time.monotonic()
    while len(rounds) < 3:
        assert time.monotonic() - began < WAIT_S
        assert client.get("/livez").status_code == 200


class Live:
    """The service on its own server, with its connections counted."""

    def __init__(self, **settings: Any) -> None:
        health = Health()
        app = create_app(
            Settings(threads=1, **settings), encoder=FakeEncoder(), galleries=MemoryGalleries(), health=health
        )
        config = uvicorn.Config(app, port=0, http=connections.ImpatientProtocol, log_config=None, ws="none")
        self.server = Server(config, health=health, notice_s=0)
        health.connections = self.server.connections
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> int:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()


def test_too_many_connections_are_a_problem_document_and_no_reason_to_be_restarted() -> None:
    with Live(max_connections=3) as port:
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        try:
            time.sleep(0.1)
            refused = httpx.get(f"http://127.0.0.1:{port}/model")
            assert refused.status_code == 503
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.headers["connection"] == "close"
            assert refused.headers["retry-after"] == "1"
            assert "connections are open; allowed: 3" in refused.json()["detail"]
            assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        finally:
            for line in idle:
                line.close()


def test_a_connection_on_which_no_request_comes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_BYTE_TO_HEADERS_S", 0.3)
    with Live() as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        silent, slow = (socket.create_connection(("127.0.0.1", port)) for _ in "12")
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: 127")
        client.get("/livez")
        for line in (silent, slow):
            line.settimeout(WAIT_S)
            assert line.recv(1) == b""
            line.close()
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("DELETE", "/galleries/default/entries?camera_id=c1&person=p0", "person"),
        ("DELETE", "/galleries/default/entries?camera_id=c1&until=yesterday", "until"),
        ("GET", "/galleries/default/entries?camera=c1", "camera"),
        ("POST", "/embed?onerror=skip", "onerror"),
        ("POST", "/galleries/default/entries?onerror=skip", "onerror"),
    ],
)
def test_an_option_that_is_not_known_is_refused(
    client: TestClient, crop: Crop, method: str, path: str, word: str
) -> None:
    _enrol(client, crop)
    content = {"content": crop(1), "headers": JPEG} if method == "POST" else {}
    answer = client.request(method, path, **content)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert client.get("/galleries/default/entries").json()["entries"]


def test_a_time_can_be_erased(client: TestClient, crop: Crop) -> None:
    _enrol(client, crop)
    url = "/galleries/default/entries?camera_id=c1"
    assert client.delete(f"{url}&until=2026-01-02T00:00:00Z").json() == {"deleted": 1}
    assert [e["id"] for e in client.get("/galleries/default/entries").json()["entries"]] == ["day3"]
    assert client.delete(f"{url}&since=2026-01-02T00:00:00Z").json() == {"deleted": 1}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/search?gallery=shop&k=1", {"embeddings": [ROW]}),
        ("POST", "/embed?on_error=skip", {"images": [""]}),
        ("POST", "/galleries/default/entries?on_error=skip", {"entries": []}),
        ("PUT", "/galleries/default/entries/a?person_id=p", {"embedding": ROW, "camera_id": "c"}),
    ],
)
def test_options_of_a_json_body_in_the_address_are_refused(
    client: TestClient, method: str, path: str, body: dict[str, Any]
) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == 422
    assert "options of a JSON body are its fields; the address has" in answer.json()["detail"]


def _enrol(client: TestClient, crop: Crop) -> None:
    entries = [
        {
            "id": f"day{day}",
            "camera_id": "c1",
            "captured_at": datetime(2026, 1, day, tzinfo=UTC).isoformat(),
            "image": base64.b64encode(crop(day)).decode(),
        }
        for day in (1, 3)
    ]
    assert client.post("/galleries/default/entries", json={"entries": entries}).status_code == 200
