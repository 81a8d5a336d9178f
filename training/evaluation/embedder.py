"""Anything that can be evaluated, opened by its file name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reid_contract import PreprocessSpec
from training.evaluation.onnx_model import OnnxModel
from training.evaluation.openvino_model import OpenVinoModel


class Embedder(Protocol):
    """A model with its preprocessing.

    name: what tables call it; an exported file's model id. spec: how crops are resized for it.
    """

    name: str
    spec: PreprocessSpec

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32."""
        ...


def open_model(file: Path, *, threads: int = 0) -> Embedder:
    """An .onnx file of ours or an OpenVINO .xml. threads: of the runtime; 0: its own choice.

    Raises OSError where there is no such file, ValueError where it cannot be used.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no model file {file}")
    if file.suffix == ".xml":
        return OpenVinoModel(file, threads=threads)
    return OnnxModel(file, threads=threads)
