"""ONNX Runtime as export uses it: the CPU, one input, one output, every optimisation that the service has too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

Tensor = NDArray[np.uint8] | NDArray[np.float32]
_BATCH = 16


class Session:
    """A graph that can be run. model: a file, or its bytes. threads: 0 for ONNX Runtime's choice."""

    def __init__(self, model: bytes | Path, *, threads: int = 0) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_mem_pattern = False  # batch sizes differ
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    def run(self, images: Tensor) -> NDArray[np.float32]:
        """One inference: (N, …) -> (N, D)."""
        (rows,) = self._session.run([self._output], {self._input: images})
        return np.asarray(rows)

    def run_all(self, images: Tensor) -> NDArray[np.float32]:
        """Any number of crops, a few at a time."""
        return np.concatenate([self.run(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)])
