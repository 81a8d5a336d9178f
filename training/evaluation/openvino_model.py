"""A published reference model in OpenVINO's IR, to compare with (needs the extra `dev`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reid_contract import PreprocessSpec, normalise

if TYPE_CHECKING:
    import openvino

RAW_BGR = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "colour_order": "bgr", "value_range": (0.0, 255.0)}


class OpenVinoModel:
    """An IR file (.xml, with its .bin beside it) of the Open Model Zoo's convention, on the CPU.

    An IR carries no contract. The convention: input (1, 3, H, W), BGR, 0 to 255, mean and scale inside the graph; one
    output (1, D). Raises ValueError for a file that has another input or output.
    """

    def __init__(self, file: Path, *, threads: int = 0) -> None:
        try:
            import openvino  # noqa: PLC0415 - only who compares with an IR has it
        except ImportError as error:
            raise ValueError(f"{file} needs OpenVINO: pip install openvino, or this project's extra `dev`") from error
        core = openvino.Core()
        try:
            model = core.read_model(file)
        except RuntimeError as error:
            raise ValueError(f"{file} cannot be read by OpenVINO: {str(error).strip().splitlines()[-1]}") from error
        height, width = _image_size(file, model)
        self.spec = PreprocessSpec(height, width, **RAW_BGR)  # type: ignore[arg-type]
        self.name = file.stem
        self.training_data = "not stated"
        model.reshape([-1, 3, height, width])
        hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        self._compiled = core.compile_model(model, "CPU", hints)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32."""
        result = self._compiled(normalise(pixels, self.spec))
        return np.array(next(iter(result.values())), np.float32)  # a copy: OpenVINO reuses the buffer


def _image_size(file: Path, model: openvino.Model) -> tuple[int, int]:
    shapes = [list(port.get_partial_shape().to_shape()) for port in model.inputs]
    outputs = [port.get_partial_shape().rank.get_length() for port in model.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != 3 or outputs != [2]:
        raise ValueError(f"{file} has inputs {shapes} and outputs of rank {outputs}; needed: (1, 3, H, W) and (1, D)")
    return shapes[0][2], shapes[0][3]
