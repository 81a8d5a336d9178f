"""What operators rely on: readiness, metrics, overload, headers, callers that go away."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.health import Health
from service.settings import Settings
from tests.service.fakes import DIM, FakeEncoder, MemoryGalleries
from tests.service.live import served

Start = Callable[..., TestClient]
Crop = Callable[..., bytes]
JPEG = {"Content-Type": "image/jpeg"}
WAIT_S = 10


class Hold:
    """Keeps the model busy until released."""

    def __init__(self) -> None:
        self.released, self.entered = threading.Event(), threading.Event()

    def __call__(self, _: np.ndarray) -> None:
        self.entered.set()
        assert self.released.wait(WAIT_S)


def test_full_is_429_at_once_with_a_time_to_come_back(crop: Crop) -> None:
    hold = Hold()
    app = create_app(
        Settings(threads=1, queue_crops=2, max_crops=2), encoder=FakeEncoder(before=hold), galleries=MemoryGalleries()
    )
    with served(app) as url, httpx.Client(base_url=url, timeout=WAIT_S) as client:
        answers: list[httpx.Response] = []

        def fill() -> None:
            files = [("images", crop(1)), ("images", crop(2))]
            answers.append(httpx.post(f"{url}/embed", files=files, timeout=WAIT_S))

        thread = threading.Thread(target=fill)
        thread.start()
        assert hold.entered.wait(WAIT_S)
        started = time.monotonic()
        full = client.post("/embed", content=crop(1), headers=JPEG)
        assert time.monotonic() - started < 1
        assert full.status_code == 429
        assert "2 of 2 places for crops are taken" in full.json()["detail"]
        assert int(full.headers["Retry-After"]) >= 1
        assert client.post("/search", json={"embeddings": [[1.0] * DIM]}).status_code == 429
        assert client.get("/readyz").status_code == 200, "full is not broken"
        metrics = client.get("/metrics").text
        assert "reid_admitted_crops 2.0" in metrics
        assert 'reid_rejections_total{reason="full"} 2.0' in metrics
        assert 'reid_requests_total{method="POST",route="/embed",status="429"} 1.0' in metrics
        hold.released.set()
        thread.join()
        assert answers[0].status_code == 200
        assert client.post("/embed", content=crop(1), headers=JPEG).status_code == 200


def test_a_caller_that_hangs_up_frees_its_place(crop: Crop) -> None:
    hold, encoder = Hold(), FakeEncoder()
    encoder.before = hold
    app = create_app(Settings(threads=1, queue_crops=2, max_crops=2), encoder=encoder, galleries=MemoryGalleries())

    async def test(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=WAIT_S) as client:
            first = asyncio.create_task(client.post("/embed", content=crop(1), headers=JPEG))
            assert await asyncio.to_thread(hold.entered.wait, WAIT_S)
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/embed", content=crop(2), headers=JPEG, timeout=0.2)
            for _ in range(100):
                if "reid_admitted_crops 1.0" in (await client.get("/metrics")).text:
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail("the place was not given back")
            hold.released.set()
            assert (await first).status_code == 200
        assert encoder.batches == [1]

    with served(app) as url:
        asyncio.run(test(url))


def test_the_deadline_header_is_kept(start: Start, crop: Crop) -> None:
    client = start(FakeEncoder(before=lambda _: time.sleep(0.05)), max_batch=1)
    files = [("images", crop(i)) for i in range(8)]
    late = client.post("/embed", files=files, headers={"X-Request-Deadline-Ms": "60"})
    assert late.status_code == 504
    assert "deadline passed" in late.json()["detail"]


def test_the_deadline_and_the_time_to_come_back_are_in_the_openapi_document(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    post = document["paths"]["/search"]["post"]
    assert "X-Request-Deadline-Ms" in {parameter["name"] for parameter in post["parameters"]}
    assert "filter" in {parameter["name"] for parameter in post["parameters"]}, "the route's own are still there"
    assert "Retry-After" in post["responses"]["429"]["headers"]


def test_a_search_that_waits_past_its_deadline_is_never_begun(start: Start, galleries: MemoryGalleries) -> None:
    client = start(searchers=1)
    gallery, begun = galleries.open("default"), []
    really = gallery.search

    def slow(*args: Any, **kwargs: Any) -> Any:
        begun.append(1)
        time.sleep(0.3)
        return really(*args, **kwargs)

    gallery.search = slow  # type: ignore[method-assign]
    ask = {"embeddings": [[1.0] + [0.0] * (DIM - 1)]}
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(client.post, "/search", json=ask, headers={"X-Request-Deadline-Ms": "150"}) for _ in range(2)
        ]
        answers = sorted((answer.result() for answer in both), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [504, 504]  # one was begun, and is not waited for
    assert len(begun) == 1
    assert client.post("/search", json=ask, headers={"X-Request-Deadline-Ms": "soon"}).status_code == 422


def test_entries_that_wait_past_their_deadline_are_not_stored(start: Start, galleries: MemoryGalleries) -> None:
    client = start(searchers=1)
    gallery, waiting = galleries.open("default"), threading.Event()
    really = gallery.count

    def slow(*args: Any, **kwargs: Any) -> int:
        waiting.set()
        time.sleep(0.3)
        return really(*args, **kwargs)

    gallery.count = slow  # type: ignore[method-assign]
    seen = {"id": "a", "camera_id": "c", "captured_at": "2026-11-22T12:00:00Z", "embedding": [1.0] + [0.0] * (DIM - 1)}
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(client.get, "/metrics")  # counts, in the only thread there is
        assert waiting.wait(WAIT_S)
        late = client.post(
            "/galleries/default/entries", json={"entries": [seen]}, headers={"X-Request-Deadline-Ms": "100"}
        )
        busy.result()
    assert late.status_code == 504
    assert client.get("/galleries/default/entries/a").status_code == 404


def test_raw_rows_are_in_the_openapi_document(client: TestClient) -> None:
    answers = client.get("/openapi.json").json()["paths"]["/embed"]["post"]["responses"]["200"]["content"]
    assert set(answers) == {"application/json", "application/octet-stream"}


def test_the_model_breaks_down(start: Start, crop: Crop) -> None:
    def explode(_: np.ndarray) -> None:
        raise RuntimeError("CUDA out of memory at /opt/secret")

    stopped = threading.Event()
    encoder = FakeEncoder(before=explode)
    client = start(encoder, health=Health(stop=stopped.set), max_failures=4)
    failed = client.post("/embed", content=crop(1), headers=JPEG)
    assert failed.status_code == 503
    assert failed.headers["Retry-After"]
    assert "secret" not in failed.text
    assert client.get("/readyz").status_code == 503, "the probe fails too"
    encoder.before = lambda _: None
    assert client.get("/readyz").status_code == 200, "the probe ran and succeeded"
    encoder.before = explode
    assert [client.post("/embed", content=crop(1), headers=JPEG).status_code for _ in range(4)] == [503] * 4
    assert stopped.wait(WAIT_S)
    answer = client.get("/readyz")
    assert (answer.status_code, "too often" in answer.json()["detail"]) == (503, True)
    assert client.get("/livez").status_code == 200


def test_draining_is_not_ready_and_closes_connections(start: Start) -> None:
    health = Health()
    client = start(health=health)
    assert "connection" not in client.get("/readyz").headers
    health.draining = True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")
    assert client.get("/v2/health/ready").status_code == 503
    health.draining = False


def test_metrics_tell_the_stages_and_never_an_id(client: TestClient, crop: Crop) -> None:
    params = {"camera_id": "secret-camera", "captured_at": "2026-11-22T10:00:00Z"}
    client.put("/galleries/default/entries/secret-id", params=params, content=crop(1), headers=JPEG)
    client.post("/search", content=crop(1), headers=JPEG)
    client.get("/galleries/default/entries/secret-id")
    client.get("/secret-path")
    text = client.get("/metrics").text
    for stage in ("decode", "queue", "inference", "search"):
        assert f'reid_stage_seconds_count{{stage="{stage}"}}' in text
    assert 'reid_requests_total{method="GET",route="/galleries/{gallery}/entries/{id}",status="200"} 1.0' in text
    assert 'route="other",status="404"' in text
    assert 'reid_gallery_entries{gallery="default"} 1.0' in text
    assert "reid_batch_crops_count 2.0" in text
    assert "secret" not in text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v2/health/live", "/v2/health/ready"])
def test_a_load_balancer_may_ask_for_the_head_alone(client: TestClient, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_every_answer_has_security_headers(client: TestClient) -> None:
    for path in ("/livez", "/docs", "/nowhere", "/model"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Request-Id"]
    assert client.get("/model").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_cannot_send(client: TestClient, site: str) -> None:
    answer = client.post("/embed", headers={"Sec-Fetch-Site": site})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert client.delete("/galleries/default", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert client.get("/livez", headers={"Sec-Fetch-Site": site}).status_code == 200
    assert client.post("/embed", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 415


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9998", "http://elsewhere", "null"])
def test_nor_can_one_over_plain_http(client: TestClient, origin: str) -> None:
    assert client.post("/embed", headers={"Origin": origin}).status_code == 403
    assert client.get("/livez", headers={"Origin": origin}).status_code == 200
    assert client.post("/embed", headers={"Origin": "http://127.0.0.1"}).status_code == 415
    assert client.post("/embed", headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"}).status_code == 415


def test_the_address_that_is_bound_is_an_own_name(start: Start) -> None:
    assert start(host="127.0.0.2").get("/model", headers={"Host": "127.0.0.2:8000"}).status_code == 200
    assert start().get("/model", headers={"Host": "127.0.0.2:8000"}).status_code == 403


def test_a_rebound_name_is_refused(start: Start) -> None:
    loopback, open_to_all = start(), start(host="0.0.0.0", no_auth=True)
    named = start(host="0.0.0.0", allowed_hosts=["reid.example"])
    evil: dict[str, Any] = {"headers": {"Host": "evil.example:8000"}}
    assert loopback.get("/model", **evil).status_code == 403
    for host in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST"):
        assert loopback.get("/model", headers={"Host": host}).status_code == 200
    assert loopback.get("/readyz", **evil).status_code == 200, "an orchestrator's probe comes by address"
    assert open_to_all.get("/model", **evil).status_code == 200
    assert named.get("/model", **evil).status_code == 403
    assert named.get("/model", headers={"Host": "reid.example"}).status_code == 200


def test_bodies_held_at_once_are_bounded(start: Start) -> None:
    client = start(max_body_mib=1, max_bodies_mib=1)
    assert client.post("/embed", content=b"x" * 1024 * 1024, headers=JPEG).status_code == 422
    assert "reid_body_bytes 0.0" in client.get("/metrics").text, "given back"


def test_the_api_page_asks_nobody_else(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text.replace("http-equiv", "")
    for asset in ("/docs/ui/swagger-ui-bundle.js", "/docs/ui/swagger-ui.css", "/docs/page/start.js"):
        assert asset in page.text
        assert client.get(asset).status_code == 200
