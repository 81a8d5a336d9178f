"""The Open Inference Protocol (KServe v2) with the binary tensor extension, as far as one image model needs it.

A body is JSON, or JSON followed by raw tensors; the header Inference-Header-Content-Length says where they begin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, Field, SkipValidation

from reid_contract import INPUT, OUTPUT, EmbeddingSpec, PreprocessSpec
from service.bodies import json_of
from service.errors import BadRequest

LENGTH_HEADER = "Inference-Header-Content-Length"
NAME = "reid"
_MAX_NUMBERS = 4_000_000  # of tensors as JSON: 40 crops of 256×128; the binary extension has no such bound
VERSION = "1"
PLATFORM = "onnxruntime_onnx"

Pixels = NDArray[np.uint8]


class TensorParameters(BaseModel):
    """What the binary extension says of one tensor; other parameters are none of our business."""

    binary_data_size: int | None = Field(default=None, ge=0)
    binary_data: bool = False


class InputTensor(BaseModel):
    """The images of a request."""

    name: str
    datatype: str
    shape: list[int] = Field(max_length=8)
    parameters: TensorParameters = TensorParameters()
    data: Annotated[list[Any], SkipValidation] | None = None


class OutputWish(BaseModel):
    """Which output is wanted, and how."""

    name: str
    parameters: TensorParameters = TensorParameters()


class RequestParameters(BaseModel):
    """Of the whole request."""

    binary_data_output: bool = False


class InferBody(BaseModel):
    """The JSON part of POST /v2/models/reid/infer."""

    id: str | None = Field(None, max_length=256)
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[OutputWish] = Field([], max_length=1)
    parameters: RequestParameters = RequestParameters()


@dataclass(frozen=True, slots=True)
class Inference:
    """A request understood. images: (N, H, W, 3) uint8. binary: whether the answer's rows shall be raw."""

    images: Pixels
    binary: bool
    id: str | None


def read(body: bytes, json_length: str | None, spec: PreprocessSpec) -> Inference:
    """Raises BadRequest for anything but images of the model's size."""
    end = _json_end(json_length, len(body))
    wish = json_of(memoryview(body)[:end], InferBody, _MAX_NUMBERS)
    for output in wish.outputs:
        if output.name != OUTPUT:
            raise BadRequest(f"no output {output.name!r}; the model gives {OUTPUT!r}")
    images = _images(wish.inputs[0], memoryview(body)[end:], spec)
    binary = wish.outputs[0].parameters.binary_data if wish.outputs else wish.parameters.binary_data_output
    return Inference(images, binary, wish.id)


def write(rows: NDArray[np.float32], inference: Inference) -> tuple[bytes, dict[str, str]]:
    """The answer's body and headers."""
    output: dict[str, Any] = {"name": OUTPUT, "datatype": "FP32", "shape": list(rows.shape)}
    answer: dict[str, Any] = {"model_name": NAME, "model_version": VERSION, "outputs": [output]}
    if inference.id is not None:
        answer["id"] = inference.id
    if not inference.binary:
        output["data"] = rows.ravel()
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), {"Content-Type": "application/json"}
    raw = rows.astype("<f4", copy=False).tobytes()
    output["parameters"] = {"binary_data_size": len(raw)}
    head = orjson.dumps(answer)
    return head + raw, {"Content-Type": "application/octet-stream", LENGTH_HEADER: str(len(head))}


def metadata(spec: PreprocessSpec, space: EmbeddingSpec) -> dict[str, Any]:
    """What GET /v2/models/reid answers."""
    return {
        "name": NAME,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "UINT8", "shape": [-1, spec.height, spec.width, 3]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, space.dim]}],
    }


def config(spec: PreprocessSpec, space: EmbeddingSpec, max_batch: int) -> dict[str, Any]:
    """What GET /v2/models/reid/config answers: Triton's model configuration."""
    return {
        "name": NAME,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "max_batch_size": max_batch,
        "input": [{"name": INPUT, "data_type": "TYPE_UINT8", "dims": [spec.height, spec.width, 3]}],
        "output": [{"name": OUTPUT, "data_type": "TYPE_FP32", "dims": [space.dim]}],
    }


def _json_end(json_length: str | None, size: int) -> int:
    if json_length is None:
        return size
    if not json_length.isdecimal() or len(json_length) > 12 or int(json_length) > size:
        raise BadRequest(f"{LENGTH_HEADER} is {json_length[:32]!r}; the body has {size} bytes")
    return int(json_length)


def _images(tensor: InputTensor, raw: memoryview, spec: PreprocessSpec) -> Pixels:
    wanted = [spec.height, spec.width, 3]
    if tensor.name != INPUT or tensor.datatype != "UINT8":
        raise BadRequest(f"the input is {tensor.name!r} {tensor.datatype}; the model takes {INPUT!r} UINT8")
    if len(tensor.shape) != 4 or tensor.shape[1:] != wanted or tensor.shape[0] < 1:
        raise BadRequest(f"{INPUT!r} has the shape {tensor.shape}; the model takes [N, {str(wanted)[1:]}, RGB")
    size = math.prod(tensor.shape)
    if tensor.parameters.binary_data_size is None:
        return _listed(tensor.data, size).reshape(tensor.shape)
    if tensor.parameters.binary_data_size != size or len(raw) != size:
        raise BadRequest(f"{INPUT!r} has {len(raw)} bytes of binary data; {tensor.shape} has {size}")
    return np.frombuffer(raw, np.uint8).reshape(tensor.shape)


def _listed(data: list[Any] | None, size: int) -> Pixels:
    """data: flat or nested, as the protocol allows. Types are looked at before numpy makes what it thinks fits."""
    values = data or []
    while set(map(type, values)) == {list}:
        values = list(chain.from_iterable(values))
    whole = len(values) == size and set(map(type, values)) == {int}
    if not whole or min(values) < 0 or max(values) > 255:
        raise BadRequest(f"{INPUT!r} must have {size} whole numbers from 0 to 255 as data, or binary data")
    return np.array(values, np.uint8)
