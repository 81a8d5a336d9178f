"""Anything may come: whatever it is, the answer is never a 5xx, and it is what the OpenAPI document promises.

More of everything: REID_FUZZ_EXAMPLES=200 REID_FUZZ_MUTATIONS=5000 python -m pytest tests/service/test_fuzz.py
"""

from __future__ import annotations

import base64
import json
import os
import random
import struct
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from service import framing
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import crop
from tests.service.fakes import FakeEncoder, MemoryGalleries
from tests.service.live import served

EXAMPLES = int(os.environ.get("REID_FUZZ_EXAMPLES", "15"))
MUTATIONS = int(os.environ.get("REID_FUZZ_MUTATIONS", "500"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def app() -> FastAPI:
    return create_app(Settings(threads=1, log_level="error"), encoder=FakeEncoder(), galleries=MemoryGalleries())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app()) as address:
        yield address


@schemathesis.serializer(framing.MEDIA_TYPE)
def as_it_is(_: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


schema = schemathesis.openapi.from_dict(app().openapi())


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case: Any, url: str) -> None:
    deadline = str((case.headers or {}).get("X-Request-Deadline-Ms", ""))
    if deadline.isdecimal() and 0 < int(deadline) < 30_000:
        case.headers["X-Request-Deadline-Ms"] = "30000"  # a shorter one may rightly end in a 504
    case.call_and_validate(base_url=url, checks=CHECKS)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(app(), base_url="http://127.0.0.1", raise_server_exceptions=False) as made:
        yield made


def framed(*blocks: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(block)) + block for block in blocks)


def whole() -> list[tuple[str, str, bytes]]:
    """Good requests, to be spoiled: path, content type, body."""
    images = {kind: crop(3, kind.upper()) for kind in ("jpeg", "png", "webp")}
    entry = {"id": "a", "camera_id": "c", "captured_at": "2026-11-22T10:00:00Z"}
    form = (
        b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n\r\n%b\r\n--b--\r\n'
        % images["jpeg"]
    )
    text = base64.b64encode(images["jpeg"]).decode()
    return [
        *((path, f"image/{kind}", image) for kind, image in images.items() for path in ("/embed", "/search")),
        ("/embed", "application/x-crops", framed(*images.values())),
        ("/embed?on_error=skip", "application/x-crops", framed(*images.values())),
        ("/embed", "multipart/form-data; boundary=b", form),
        ("/embed", "application/json", json.dumps({"images": [text]}).encode()),
        ("/search", "application/json", json.dumps({"embeddings": [[0.5] * 48], "filter": {}}).encode()),
        ("/search", "application/octet-stream", struct.pack("<48f", *range(48))),
        ("/galleries/default/entries", "application/x-crops", framed(json.dumps([entry]).encode(), images["png"])),
        ("/galleries/default/entries", "application/json", json.dumps({"entries": [entry | {"image": text}]}).encode()),
        ("/v2/models/reid/infer", "application/json", json.dumps({"inputs": [{
            "name": "images", "datatype": "UINT8", "shape": [1, 32, 16, 3], "data": [1] * 1536}]}).encode()),
    ]  # fmt: skip


def spoil(body: bytes, rng: random.Random) -> bytes:
    """One to four wounds: bytes changed, cut out, doubled, or made up; or an end too early."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 64, 1000))
        match rng.randrange(5):
            case 0:
                data[at : at + length] = rng.randbytes(length)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at : at + length] = bytes([rng.choice((0, 255, 0x22, 0x7B, 0x80))]) * length
            case 4:
                del data[at:]
    return bytes(data)


@pytest.mark.slow
def test_spoiled_bodies_are_refused_or_read_but_never_an_error_of_ours(client: TestClient) -> None:
    rng, requests, statuses = random.Random(7), whole(), set()
    for path, kind, body in requests:
        assert client.post(path, content=body, headers={"Content-Type": kind}).status_code == 200, (path, kind)
    for number in range(MUTATIONS):
        path, kind, body = requests[number % len(requests)]
        spoiled = spoil(body, rng)
        answer = client.post(path, content=spoiled, headers={"Content-Type": kind})
        assert answer.status_code < 500, (path, kind, spoiled[:200], answer.text)
        statuses.add(answer.status_code)
    assert statuses >= {200, 422}
    assert client.post("/embed", content=crop(1), headers={"Content-Type": "image/jpeg"}).status_code == 200
