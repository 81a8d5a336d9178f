"""An exported file as the service runs it: what is measured is what is deployed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from reid_contract import INPUT, OUTPUT, ContractError, EmbeddingSpec, PreprocessSpec, Provenance, check_signature


class OnnxModel:
    """A file of the `service` flavour in an ONNX Runtime session on the CPU. Raises ContractError."""

    def __init__(self, file: Path, *, threads: int = 0) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_mem_pattern = False  # the last batch is smaller than the others
        try:
            self._session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has an error type for each status, none of them public
            raise ContractError(f"{file} cannot be loaded by ONNX Runtime: {error}") from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.spec = PreprocessSpec.from_metadata(metadata)
        self.embedding = EmbeddingSpec.from_metadata(metadata)
        provenance = Provenance.from_metadata(metadata)
        if provenance.flavour != "service":
            raise ContractError(
                f"{file} is of the flavour {provenance.flavour!r}; allowed: 'service'. All flavours of one checkpoint "
                "give equal embeddings (the export checks it), so evaluate that one"
            )
        inputs, outputs = (
            {node.name: (node.type, node.shape) for node in nodes}
            for nodes in (self._session.get_inputs(), self._session.get_outputs())
        )
        check_signature(file, self.spec, self.embedding, inputs=inputs, outputs=outputs)
        self.name = self.embedding.model_id
        self.training_data = provenance.training_data

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32."""
        (features,) = self._session.run([OUTPUT], {INPUT: pixels})
        return np.asarray(features, np.float32)
