"""Anything that can be evaluated, opened by its file name."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reid_contract import PreprocessSpec
from training.evaluation.checkpoint_model import CheckpointModel
from training.evaluation.onnx_model import OnnxModel
from training.evaluation.openvino_model import OpenVinoModel
from training.model.pgflkd import Feature
from training.pose.estimators import EstimatorName, load_estimator


class Embedder(Protocol):
    """A model with its preprocessing.

    name: what tables call it; an exported file's model id. spec: how crops are resized for it. training_data: what it
    says it was trained on, in words.
    """

    name: str
    spec: PreprocessSpec
    training_data: str

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32."""
        ...


def open_model(
    file: Path,
    *,
    feature: Feature = "g",
    estimator: EstimatorName = "movenet",
    estimator_weights: Path | None = None,
    device: str = "cpu",
    threads: int = 0,
) -> Embedder:
    """An .onnx file of ours, an OpenVINO .xml, or a checkpoint under any other name.

    feature, estimator, estimator_weights, device: of checkpoints. threads: of the runtime; 0: its own choice.
    Raises OSError where there is no such file, ValueError where it cannot be used.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no model file {file}")
    if file.suffix not in (".onnx", ".xml"):
        pose = load_estimator(estimator, estimator_weights).network if feature != "g" else None
        return CheckpointModel(file, feature=feature, pose=pose, device=device, threads=threads)
    if feature != "g":
        raise ValueError(f"{file} gives one feature, the deployed one; only a checkpoint has feature {feature!r}")
    return (OnnxModel if file.suffix == ".onnx" else OpenVinoModel)(file, threads=threads)
