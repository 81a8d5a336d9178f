"""Where a model file comes from: what a person asks before trusting it, and a lawyer before using it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from reid_contract.errors import ContractError
from reid_contract.metadata import read_section, write_section
from reid_contract.numbers import is_number

Flavour = Literal["service", "boxmot", "ultralytics", "deepstream"]
Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """flavour: which client's input convention the graph follows; the service takes `service` only.
    precision: of the weights. backbone: timm's name. training_data and licence: in words; both may say "none".
    code_version: of the project that exported it. metrics: figures by name, as measured, e.g. {"market1501/mAP": 75.2}.
    """

    flavour: Flavour
    precision: Precision
    backbone: str
    training_data: str
    licence: str
    code_version: str
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in (("flavour", get_args(Flavour)), ("precision", get_args(Precision))):
            if getattr(self, name) not in allowed:
                raise ContractError(f"provenance.{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
        for name in ("backbone", "training_data", "licence", "code_version"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ContractError(f"provenance.{name} is {getattr(self, name)!r}; allowed: some text")
        if not isinstance(self.metrics, Mapping) or not all(map(is_number, self.metrics.values())):
            raise ContractError(f"provenance.metrics is {self.metrics!r}; allowed: an object of numbers by name")

    def to_metadata(self) -> dict[str, str]:
        """The record as ONNX metadata: one key, one JSON object."""
        return write_section("provenance", self)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Provenance:
        """Reads what `to_metadata` wrote. Raises ContractError that names the missing key or the wrong value."""
        return read_section("provenance", cls, metadata)
