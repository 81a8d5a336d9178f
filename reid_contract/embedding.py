"""What comes out of a model: the numbers a gallery must know before it compares anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from reid_contract.calibration import Calibration
from reid_contract.errors import ContractError
from reid_contract.metadata import read_section, write_section

Metric = Literal["cosine"]

MAX_DIM = 16384
_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """One embedding space. Two embeddings may be compared only if their `model_id` and `dim` agree.

    model_id: 1 to 128 letters, digits, '.', '_', '-'; ends in a hash of weights, preprocessing and precision.
    dim: width of the vector. metric: always cosine. normalised: whether the file's output has length 1 already.
    calibration: from cosine to probability, where one was fitted.
    """

    model_id: str
    dim: int
    metric: Metric = "cosine"
    normalised: bool = True
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model_id, str) or not _MODEL_ID.fullmatch(self.model_id):
            raise ContractError(
                f"embedding.model_id is {self.model_id!r}; allowed: 1 to 128 letters, digits, '.', '_' and '-'"
            )
        if type(self.dim) is not int or not 1 <= self.dim <= MAX_DIM:
            raise ContractError(f"embedding.dim is {self.dim!r}; allowed: a whole number from 1 to {MAX_DIM}")
        if self.metric not in get_args(Metric):
            raise ContractError(f"embedding.metric is {self.metric!r}; allowed: cosine")
        if not isinstance(self.normalised, bool):
            raise ContractError(f"embedding.normalised is {self.normalised!r}; allowed: true or false")
        if not isinstance(self.calibration, Calibration | None):
            object.__setattr__(self, "calibration", _calibration(self.calibration))

    def to_metadata(self) -> dict[str, str]:
        """The spec as ONNX metadata: one key, one JSON object."""
        return write_section("embedding", self)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> EmbeddingSpec:
        """Reads what `to_metadata` wrote. Raises ContractError that names the missing key or the wrong value."""
        return read_section("embedding", cls, metadata)


def _calibration(value: Any) -> Calibration:
    if not isinstance(value, Mapping):
        raise ContractError(f"embedding.calibration is {value!r}; allowed: null or an object")
    try:
        return Calibration(**value)
    except TypeError as error:
        raise ContractError(f"embedding.calibration has wrong fields: {error}") from error
