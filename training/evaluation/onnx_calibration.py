"""Writes a calibration into an exported file; its graph and weights stay byte for byte what they were."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import onnx
from onnx.helper import set_model_props

from reid_contract import Calibration, EmbeddingSpec
from training.files import write_together


def write_calibration(file: Path, calibration: Calibration) -> None:
    """Replaces the calibration in the file's contract, or adds one; everything else in it stays.

    A process that is stopped and a full disk leave the old file or the new one, and nothing beside it. Raises
    ContractError for a file without a contract, OSError naming the file where it cannot be written.
    """
    model = onnx.load(file, load_external_data=False)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    embedding = dataclasses.replace(EmbeddingSpec.from_metadata(metadata), calibration=calibration)
    set_model_props(model, metadata | embedding.to_metadata())
    write_together({file: model.SerializeToString(deterministic=True)})
