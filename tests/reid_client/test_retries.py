"""What the client does when the service is full, stopping or gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
import numpy as np
import pytest

from reid_client import AsyncClient, Client, Refused, Retries, Unavailable
from service.app import create_app
from service.settings import Settings
from tests.service.fakes import FakeEncoder, MemoryGalleries
from tests.service.live import served


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("reid_client.client.time.sleep", slept.append)
    return slept


def client(*answers: httpx.Response | Exception, attempts: int = 4) -> tuple[Client, list[httpx.Request]]:
    """A client of a service that answers as told, and the requests it got."""
    asked: list[httpx.Request] = []
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        following = next(left)
        if isinstance(following, Exception):
            raise following
        return following

    transport = httpx.MockTransport(answer)
    return Client("http://there", transport=transport, retries=Retries(attempts=attempts, longest_wait_s=5)), asked


ALIVE = httpx.Response(200, json={"status": "alive"})


def full(after: str | None = "2") -> httpx.Response:
    headers = {} if after is None else {"Retry-After": after}
    return httpx.Response(429, json={"title": "full", "detail": "come back"}, headers=headers)


def test_it_waits_as_long_as_it_is_told(waits: list[float]) -> None:
    there, asked = client(full("2"), full("3600"), httpx.Response(503), ALIVE)
    assert there.request("GET", "/livez") == {"status": "alive"}
    assert len(asked) == 4
    for wait, least in zip(waits, (2, 5, 0.4), strict=True):
        assert least <= wait <= 1.25 * least


def test_a_broken_connection_is_made_again(waits: list[float]) -> None:
    there, _ = client(httpx.ConnectError("refused"), httpx.ReadError("reset"), ALIVE)
    assert there.request("GET", "/livez") == {"status": "alive"}
    assert waits[0] < waits[1] < 1


@pytest.mark.parametrize("trouble", [full, lambda: httpx.ConnectError("refused")])
def test_it_gives_up(waits: list[float], trouble: Callable[[], httpx.Response | Exception]) -> None:
    there, asked = client(*(trouble() for _ in range(9)), attempts=3)
    with pytest.raises(Unavailable, match="after 3 attempts"):
        there.request("GET", "/livez")
    assert (len(asked), len(waits)) == (3, 2)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(httpx.ConnectError("refused"), "refused"), (httpx.ReadTimeout(""), "ReadTimeout")],
)
def test_who_did_not_answer_and_why(waits: list[float], trouble: Exception, words: str) -> None:
    there, _ = client(trouble, attempts=1)
    with pytest.raises(Unavailable, match=rf"^no answer from http://there after 1 attempts: {words}$"):
        there.request("GET", "/livez")
    with pytest.raises(ValueError, match="attempts is 0; allowed: at least 1"):
        Retries(attempts=0)


def test_the_service_says_itself_that_the_deadline_passed() -> None:
    encoder = FakeEncoder(before=lambda _: time.sleep(0.5))
    crop = np.zeros((32, 16, 3), np.uint8)

    async def elsewhere(url: str) -> None:
        async with AsyncClient(url, timeout_s=0.1) as other:
            await other.embed([crop])

    with served(create_app(Settings(threads=1), encoder=encoder, galleries=MemoryGalleries())) as url:
        with Client(url, timeout_s=0.1) as there, pytest.raises(Refused, match=r"The deadline passed \(504\)"):
            there.embed([crop])
        with pytest.raises(Refused, match=r"The deadline passed \(504\)"):
            asyncio.run(elsewhere(url))


@pytest.mark.parametrize("made", [Client, AsyncClient])
def test_an_address_or_a_key_that_cannot_be_one(made: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(ValueError, match="'localhost:8000'; allowed: http:// or https:// and a host"):
        made("localhost:8000")
    with pytest.raises(ValueError, match="'http://'; allowed"):
        made("http://")
    with pytest.raises(ValueError, match="'http://there:port': Invalid port"):
        made("http://there:port")
    for key in ("reid_secret\n", "reid_sécret"):
        with pytest.raises(ValueError, match="the API key has a space, a line's end") as refused:
            made(key=key)
        assert "cret" not in str(refused.value)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 500, 504])
def test_a_no_is_a_no(waits: list[float], status: int) -> None:
    there, asked = client(httpx.Response(status, json={"title": "No", "detail": "because", "index": 3}))
    with pytest.raises(Refused, match=rf"No \({status}\): because") as refused:
        there.request("GET", "/livez")
    assert (refused.value.index, len(asked), waits) == (3, 1, [])


def test_an_answer_of_something_else(waits: list[float]) -> None:
    there, _ = client(httpx.Response(502, text="<html>a proxy"))
    with pytest.raises(Refused, match=r"502\): <html>a proxy"):
        there.request("GET", "/livez")


def test_a_success_of_something_else() -> None:
    for call in (lambda there: there.embed([b"crop"]), lambda there: there.search_like("a")):
        there, _ = client(httpx.Response(200, text="<html>a shop"))
        with pytest.raises(Refused, match=r"Not an answer of the service \(200\): <html>a shop"):
            call(there)


def test_where_the_log_has_a_fault_of_the_service() -> None:
    problem = {"title": "Internal error", "detail": "the service failed"}
    there, _ = client(httpx.Response(500, json=problem, headers={"X-Request-Id": "ab12"}))
    with pytest.raises(Refused, match=r"\(500\): the service failed \[X-Request-Id ab12\]") as refused:
        there.request("GET", "/livez")
    assert refused.value.request_id == "ab12"


def test_the_key_and_the_deadline_are_told() -> None:
    there, asked = client(ALIVE)
    there.request("GET", "/livez")
    assert asked[0].headers["X-Request-Deadline-Ms"] == "30000"
    assert "Authorization" not in asked[0].headers
    with_key = Client("http://there", key="reid_k", transport=httpx.MockTransport(lambda r: httpx.Response(
        200, json={"key": r.headers["Authorization"]}
    )))  # fmt: skip
    assert with_key.request("GET", "/livez") == {"key": "Bearer reid_k"}
