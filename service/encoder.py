"""The model: one ONNX file that carries its contract, run by ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from reid_contract import INPUT, OUTPUT, ContractError, EmbeddingSpec, PreprocessSpec, Provenance, check_signature
from service.providers import ProviderName, resolve

log = logging.getLogger(__name__)

_LENGTH_TOLERANCE = 0.01  # int8 and fp16 included; a gallery takes as much


class Encoder(Protocol):
    """What the service needs of a model: its contract, and one call."""

    embedding: EmbeddingSpec
    preprocess: PreprocessSpec
    provenance: Provenance
    provider: str

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: (N, H, W, 3) uint8 RGB, N >= 1. Returns (N, D) float32 of length 1."""
        ...


class OnnxEncoder:
    """A model file of the `service` flavour in an ONNX Runtime session.

    providers: in the order of preference. threads: of one inference. max_batch: the largest bucket; batches run in
    bucket sizes (powers of two) only, because memory and warm-up grow with every new input shape.
    Raises ContractError for a file the service cannot use, ProviderUnavailable for a provider that did not load.
    """

    def __init__(
        self,
        model: Path,
        *,
        providers: Sequence[ProviderName] = ("cpu",),
        allow_fallback: bool = False,
        threads: int = 1,
        max_batch: int = 32,
    ) -> None:
        if not model.is_file():
            raise ContractError(f"no model file at {model}")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        # A thread that spins while it waits takes the core from decoding, which costs more than waking it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        chosen = resolve(providers, allow_fallback=allow_fallback)
        try:
            self._session = ort.InferenceSession(str(model), options, providers=chosen.session_arguments())
        except Exception as error:
            raise ContractError(f"{model} cannot be loaded by ONNX Runtime: {_first_line(error)}") from error
        chosen.check(self._session.get_providers(), allow_fallback=allow_fallback)
        self.provider: str = chosen.in_use(self._session.get_providers())
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.embedding = EmbeddingSpec.from_metadata(metadata)
        self.preprocess = PreprocessSpec.from_metadata(metadata)
        self.provenance = Provenance.from_metadata(metadata)
        self._check_contract(model)
        self.buckets = buckets(max_batch)
        self._pad = self.provider != "cpu"

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._pad:
            rows = [self._padded(images[i : i + self.buckets[-1]]) for i in range(0, len(images), self.buckets[-1])]
        else:
            rows = [self._run(part) for part in np.split(images, cuts(len(images), self.buckets))]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def warm_up(self) -> None:
        """Runs every bucket once, so that no caller pays for a first time. Raises ContractError where what comes out is
        no embedding: a model that cannot answer must not be called ready."""
        shape = (self.preprocess.height, self.preprocess.width, 3)
        for size in self.buckets:
            lengths = np.linalg.norm(self(np.zeros((size, *shape), np.uint8)), axis=1)
            if not np.all(np.abs(lengths - 1) < _LENGTH_TOLERANCE):  # a NaN too
                raise ContractError(f"{self.embedding.model_id} gives a length of {lengths[0]:.4g}; allowed: 1")

    def _padded(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """An accelerator takes the next bucket up: empty rows cost it less than a second launch."""
        size = next(bucket for bucket in self.buckets if bucket >= len(images))
        padding = np.zeros((size - len(images), *images.shape[1:]), np.uint8)
        return self._run(np.concatenate([images, padding]))[: len(images)]

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        (rows,) = self._session.run([OUTPUT], {INPUT: images})
        return np.asarray(rows, np.float32)

    def _check_contract(self, model: Path) -> None:
        if self.provenance.flavour != "service":
            raise ContractError(
                f"{model} is of the flavour {self.provenance.flavour!r}; the service takes 'service' "
                "(python -m export … --flavour service)"
            )
        inputs, outputs = (
            {node.name: (node.type, node.shape) for node in nodes}
            for nodes in (self._session.get_inputs(), self._session.get_outputs())
        )
        check_signature(model, self.preprocess, self.embedding, inputs=inputs, outputs=outputs)


def buckets(max_batch: int) -> list[int]:
    """Powers of two up to `max_batch`, and `max_batch` itself: 12 gives [1, 2, 4, 8, 12]."""
    return sorted({*(2**i for i in range(max_batch.bit_length()) if 2**i <= max_batch), max_batch})


def cuts(size: int, sizes: Sequence[int]) -> list[int]:
    """Where to cut a batch of `size` so that every part is a bucket, largest first. sizes: ascending, from 1."""
    positions, at = [], 0
    while at < size:
        at += max(bucket for bucket in sizes if bucket <= size - at)
        positions.append(at)
    return positions[:-1]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
