"""The Open Inference Protocol, spoken by the stock Triton client."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from reid_client import Client
from reid_contract import decode, preprocess
from service.app import create_app
from service.keys import KeyFile
from service.settings import Settings
from tests.service.conftest import crop
from tests.service.fakes import DIM, HEIGHT, PREPROCESS, WIDTH, FakeEncoder, MemoryGalleries
from tests.service.live import served

INFER = "/v2/models/reid/infer"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())) as address:
        yield address


@pytest.fixture
def triton(url: str) -> Iterator[InferenceServerClient]:
    client = InferenceServerClient(url.removeprefix("http://"))
    yield client
    client.close()


def images(*seeds: int) -> np.ndarray:
    return np.stack([preprocess(decode(crop(seed)), PREPROCESS) for seed in seeds])


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_triton_gets_the_embeddings_of_embed(
    url: str, triton: InferenceServerClient, binary_in: bool, binary_out: bool
) -> None:
    tensor = InferInput("images", [3, HEIGHT, WIDTH, 3], "UINT8")
    tensor.set_data_from_numpy(images(1, 2, 3), binary_data=binary_in)
    wish = InferRequestedOutput("embeddings", binary_data=binary_out)
    answer = triton.infer("reid", [tensor], outputs=[wish], request_id="r1", model_version="1" if binary_in else "")
    with Client(url) as client:
        expected = client.embed([crop(1), crop(2), crop(3)]).rows
    np.testing.assert_array_equal(answer.as_numpy("embeddings"), expected)
    assert answer.get_response()["id"] == "r1"


def test_triton_asks_about_server_and_model(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("reid")
    assert triton.is_model_ready("reid", "1")
    assert not triton.is_model_ready("other")
    assert "binary_tensor_data" in triton.get_server_metadata()["extensions"]
    described = triton.get_model_metadata("reid")
    assert described["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, HEIGHT, WIDTH, 3]}]
    assert described["outputs"] == [{"name": "embeddings", "datatype": "FP32", "shape": [-1, DIM]}]
    assert triton.get_model_config("reid")["max_batch_size"] == 128


def test_triton_reads_what_was_wrong(triton: InferenceServerClient) -> None:
    tensor = InferInput("images", [1, 4, 4, 3], "UINT8")
    tensor.set_data_from_numpy(np.zeros((1, 4, 4, 3), np.uint8))
    with pytest.raises(InferenceServerException, match=r"shape \[1, 4, 4, 3\]; the model takes \[N, 32, 16, 3\]"):
        triton.infer("reid", [tensor])


def test_json_alone_is_enough(client: TestClient) -> None:
    one = {"name": "images", "datatype": "UINT8", "shape": [1, HEIGHT, WIDTH, 3], "data": images(1).ravel().tolist()}
    answer = client.post(INFER, json={"inputs": [one]}).json()
    assert (answer["model_name"], answer["outputs"][0]["shape"]) == ("reid", [1, DIM])


GOOD: dict[str, Any] = {"name": "images", "datatype": "UINT8", "shape": [1, HEIGHT, WIDTH, 3]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [GOOD | {"name": "input"}]}, "takes 'images' UINT8"),
        ({"inputs": [GOOD | {"datatype": "FP32"}]}, "takes 'images' UINT8"),
        ({"inputs": [GOOD | {"shape": [0, HEIGHT, WIDTH, 3]}]}, "shape"),
        ({"inputs": [GOOD | {"shape": [-1, HEIGHT, WIDTH, 3]}]}, "shape"),
        ({"inputs": [GOOD]}, "1536 whole numbers"),
        ({"inputs": [GOOD | {"data": [0.5] * 1536}]}, "whole numbers"),
        ({"inputs": [GOOD | {"data": [256] * 1536}]}, "from 0 to 255"),
        ({"inputs": [GOOD | {"data": [[1], [2, 3]]}]}, "whole numbers"),
        ({"inputs": [GOOD | {"data": {"a": 1}}]}, "whole numbers"),
        ({"inputs": [GOOD | {"shape": [10**18, HEIGHT, WIDTH, 3], "data": [1]}]}, "whole numbers"),
        ({"inputs": [GOOD | {"parameters": {"binary_data_size": 5}}]}, "0 bytes of binary data"),
        ({"inputs": [GOOD], "outputs": [{"name": "logits"}]}, "no output 'logits'"),
    ],
)
def test_wrong_tensors(client: TestClient, body: dict[str, Any], words: str) -> None:
    answer = client.post(INFER, json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "999999", "9" * 30])
def test_wrong_lengths(client: TestClient, length: str) -> None:
    answer = client.post(INFER, content=b"{}", headers={"Inference-Header-Content-Length": length})
    assert answer.status_code == 422
    assert "the body has 2 bytes" in answer.json()["error"]


def test_wrong_names(client: TestClient) -> None:
    for path in ("/v2/models/other", "/v2/models/reid/versions/2", "/v2/models/other/config"):
        answer = client.get(path)
        assert (answer.status_code, "there is 'reid' of version '1'" in answer.json()["error"]) == (404, True)


def test_too_many_images(start: Callable[..., TestClient]) -> None:
    head = json.dumps({"inputs": [GOOD | {"shape": [3, 32, 16, 3], "parameters": {"binary_data_size": 4608}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = start(max_crops=2).post(INFER, content=head + bytes(4608), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (413, "3 images in one request; allowed: 2")


def test_a_key_is_asked_for(start: Callable[..., TestClient], tmp_path: Any) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    keys.create("a", ["embed"])
    answer = start(keys=keys).post(INFER, content=b"{}")
    assert (answer.status_code, "API key" in answer.json()["error"]) == (401, True)


def test_the_pictures_are_as_large_as_the_model_wants() -> None:
    assert Image.open(io.BytesIO(crop(1))).size != (WIDTH, HEIGHT)
    assert images(1).shape == (1, HEIGHT, WIDTH, 3)
