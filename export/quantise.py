"""int8: static quantisation in the QDQ form that ONNX Runtime, TensorRT and OpenVINO read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
from onnxruntime.quantization.quantize import quantize_static

from export.regions import Layer, layers, network_nodes
from export.session import Session, Tensor

_PREPARED = {
    "onnx.quant.pre_process": "onnxruntime.quant"
}  # ours is folded already; stops a warning that says it is not
_SENSITIVITY_CROPS = 16
_BATCH = 8


class Quantiser:
    """Measures the ranges of one graph once, then quantises any part of it. A context manager: it holds files.

    images: real crops as the graph's client sends them. reduce_range: weights in 7 bits, for CPUs without VNNI, whose
    8-bit products saturate.
    """

    def __init__(self, proto: onnx.ModelProto, images: Tensor, *, reduce_range: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reid-int8-")
        self._reduce_range = reduce_range
        self._images = images
        self._input = proto.graph.input[0].name
        self._network = network_nodes(proto)
        self.layers = layers(proto)
        prepared = onnx.ModelProto()
        prepared.CopyFrom(proto)
        onnx.helper.set_model_props(prepared, _PREPARED)
        self._float = Path(self._folder.name) / "float.onnx"
        onnx.save(prepared, self._float)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def quantise(self, *, keep_float: Iterable[Layer] = (), only: Layer | None = None) -> onnx.ModelProto:
        """The network in int8, per channel, but for the layers in `keep_float`; or `only` one layer."""
        kept = {name for layer in keep_float for name in layer}
        chosen = [name for name in (self._network if only is None else only) if name not in kept]
        ranges = Path(self._folder.name) / "ranges.json"
        target = Path(self._folder.name) / "int8.onnx"
        quantize_static(
            self._float,
            target,
            None if ranges.exists() else _Reader(self._input, self._images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=self._reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=chosen,
            calibration_cache_path=ranges,
        )
        quantised = onnx.load(target)
        onnx.checker.check_model(quantised, full_check=True)
        return quantised

    def by_sensitivity(self) -> list[Layer]:
        """All layers, the one first that costs most cosine when it alone is in int8."""
        images = self._images[:_SENSITIVITY_CROPS]
        exact = Session(self._float).run_all(images)
        left: dict[Layer, float] = {}
        for layer in self.layers:
            rows = Session(self.quantise(only=layer).SerializeToString()).run_all(images)
            left[layer] = float((exact * rows).sum(axis=1).mean())
        return sorted(left, key=left.__getitem__)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands the crops to ONNX Runtime's calibration, a few at a time."""

    def __init__(self, name: str, images: Tensor) -> None:
        self._name = name
        self._batches = iter([images[i : i + _BATCH] for i in range(0, len(images), _BATCH)])

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}
