"""The clients: the same calls, blocking and asynchronous. Both keep their connections open between calls."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from reid_client import wire
from reid_client.retry import Retries
from reid_client.types import DEFAULT_SEARCH, Crops, Embeddings, Enrolled, Entry, Match, Search
from reid_client.wire import Call

_T = TypeVar("_T")

DEFAULT_URL = "http://127.0.0.1:8000"
_RETRIES = Retries()
_LONGEST_S = 999_999  # what the service reads as milliseconds
_GRACE_S = 1.0  # in which the service's own word that the deadline passed still arrives


class Client:
    """A re-identification service, blocking. May be used from several threads; close it, or use it in a `with`.

    key: the API key, where the service asks for one. timeout_s: the deadline that the service is told for each attempt,
    so that it spends nothing on an answer nobody waits for; one that says nothing at all a second later is asked again.
    Raises ValueError for a url, a key or a timeout that cannot be one. Every method raises Refused or Unavailable.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        timeout_s: float = 30.0,
        retries: Retries = _RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(**_connection(url, key, timeout_s), transport=transport)
        self._retries = retries

    def embed(self, crops: Crops, *, skip_bad: bool = False) -> Embeddings:
        """Embeds crops, as many as there are: more than 64 travel in several requests, one after the other.

        skip_bad: a crop that is no image gets a row of NaN instead of failing the call."""
        return wire.joined([self._send(call) for call in wire.embed(crops, skip_bad=skip_bad)])

    def search(self, crops: Crops, how: Search = DEFAULT_SEARCH) -> list[list[Match]]:
        """The best matches of each crop; with `how.fuse` the crops are one track, and the list is one."""
        return [found for call in wire.search(crops, how) for found in self._send(call)]

    def search_embeddings(
        self, rows: NDArray[np.float32], how: Search = DEFAULT_SEARCH, *, model_id: str | None = None
    ) -> list[list[Match]]:
        """rows: (N, D) out of `embed`, as many as there are; ValueError for one of a crop that was skipped.

        model_id: of those embeddings; the service refuses another than its own."""
        return [found for call in wire.search_embeddings(rows, how, model_id) for found in self._send(call)]

    def search_like(self, entry_id: str, how: Search = DEFAULT_SEARCH) -> list[Match]:
        """More like an entry of the gallery."""
        return self._send(wire.search_like(entry_id, how))[0]

    def enrol(
        self, entries: Sequence[Entry], crops: Crops, *, gallery: str = "default", skip_bad: bool = False
    ) -> Enrolled:
        """Stores entries with their crops, all or (but for what is skipped) none of them: one request, so not more
        than the service takes at once. What is counted as stored is durable."""
        return self._send(wire.enrol(gallery, entries, crops, skip_bad=skip_bad))

    def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """Any other route, e.g. `request("PUT", "/galleries/shop", body={"retention_days": 30})`. params: beside those
        that the path has."""
        return self._send(wire.plain(method, path, params, body))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, call: Call[_T]) -> _T:
        for attempt in range(self._retries.attempts):
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self._http.request(**_arguments(call))
            except httpx.TransportError as error:
                outcome = error
            wait = self._retries.verdict(attempt, outcome, first=call.first)
            if wait is None:
                assert isinstance(outcome, httpx.Response)
                return wire.understood(call, outcome)
            time.sleep(wait)
        raise AssertionError("the last verdict is never to wait")


class AsyncClient:
    """A re-identification service, asynchronous; the methods of `Client`, awaited."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        timeout_s: float = 30.0,
        retries: Retries = _RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**_connection(url, key, timeout_s), transport=transport)
        self._retries = retries

    async def embed(self, crops: Crops, *, skip_bad: bool = False) -> Embeddings:
        """See `Client.embed`."""
        return wire.joined([await self._send(call) async for call in _made(wire.embed(crops, skip_bad=skip_bad))])

    async def search(self, crops: Crops, how: Search = DEFAULT_SEARCH) -> list[list[Match]]:
        """See `Client.search`."""
        return [found async for call in _made(wire.search(crops, how)) for found in await self._send(call)]

    async def search_embeddings(
        self, rows: NDArray[np.float32], how: Search = DEFAULT_SEARCH, *, model_id: str | None = None
    ) -> list[list[Match]]:
        """See `Client.search_embeddings`."""
        calls = _made(wire.search_embeddings(rows, how, model_id))
        return [found async for call in calls for found in await self._send(call)]

    async def search_like(self, entry_id: str, how: Search = DEFAULT_SEARCH) -> list[Match]:
        """See `Client.search_like`."""
        return (await self._send(wire.search_like(entry_id, how)))[0]

    async def enrol(
        self, entries: Sequence[Entry], crops: Crops, *, gallery: str = "default", skip_bad: bool = False
    ) -> Enrolled:
        """See `Client.enrol`."""
        call = await asyncio.to_thread(wire.enrol, gallery, entries, crops, skip_bad=skip_bad)
        return await self._send(call)

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """See `Client.request`."""
        return await self._send(wire.plain(method, path, params, body))

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, call: Call[_T]) -> _T:
        for attempt in range(self._retries.attempts):
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.request(**_arguments(call))
            except httpx.TransportError as error:
                outcome = error
            wait = self._retries.verdict(attempt, outcome, first=call.first)
            if wait is None:
                assert isinstance(outcome, httpx.Response)
                return wire.understood(call, outcome)
            await asyncio.sleep(wait)
        raise AssertionError("the last verdict is never to wait")


async def _made(calls: Iterator[Call[_T]]) -> AsyncIterator[Call[_T]]:
    """The calls, each made in a thread: to read or compress its crops would hold up the event loop."""
    while (call := await asyncio.to_thread(next, calls, None)) is not None:
        yield call


def _connection(url: str, key: str | None, timeout_s: float) -> dict[str, Any]:
    return {
        "base_url": _address(url),
        "headers": _headers(key, timeout_s),
        "timeout": httpx.Timeout(timeout_s, read=timeout_s + _GRACE_S),
        "trust_env": False,
    }


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"url is {url!r}: {error}") from None
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError(f"url is {url!r}; allowed: http:// or https:// and a host, e.g. {DEFAULT_URL}")
    return address


def _headers(key: str | None, timeout_s: float) -> dict[str, str]:
    if key and not re.fullmatch(r"[!-~]+", key):  # the key itself is not for anybody's screen or log
        raise ValueError("the API key has a space, a line's end or another character that no header can carry")
    if not 0 < timeout_s <= _LONGEST_S:
        raise ValueError(f"timeout_s is {timeout_s}; allowed: more than 0, at most {_LONGEST_S}")
    headers = {"X-Request-Deadline-Ms": str(max(1, round(timeout_s * 1000)))}
    return headers | ({"Authorization": f"Bearer {key}"} if key else {})


def _arguments(call: Call[Any]) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": httpx.URL(call.path).copy_merge_params(call.params),
        "content": call.content,
        "headers": dict(call.headers),
    }
