"""Whether a model file's graph is what its contract says: for whoever runs one of the `service` flavour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reid_contract.embedding import EmbeddingSpec
from reid_contract.errors import ContractError
from reid_contract.preprocessing import PreprocessSpec

INPUT = "images"
OUTPUT = "embeddings"

Signature = Mapping[str, tuple[str, Sequence[int | str | None]]]  # name -> (ONNX type, shape; a text is any length)


def check_signature(
    file: object, preprocess: PreprocessSpec, embedding: EmbeddingSpec, *, inputs: Signature, outputs: Signature
) -> None:
    """Raises ContractError unless crops of the contract's size go in, and embeddings of its width come out."""
    size = [preprocess.height, preprocess.width, 3]
    kind, shape = inputs.get(INPUT, ("", ()))
    if kind != "tensor(uint8)" or list(shape[1:]) != size or isinstance(shape[0], int):
        raise ContractError(
            f"{file} must take {INPUT!r} as uint8 (batch, {', '.join(map(str, size))}); it takes {dict(inputs)}"
        )
    kind, shape = outputs.get(OUTPUT, ("", ()))
    if kind != "tensor(float)" or len(shape) != 2 or shape[1] != embedding.dim:
        raise ContractError(
            f"{file} must give {OUTPUT!r} as float32 (batch, {embedding.dim}); it gives {dict(outputs)}"
        )
    if not embedding.normalised:
        raise ContractError(f"{file} says that its embeddings are not normalised; allowed: of length 1")
