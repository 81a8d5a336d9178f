"""Which hardware runs the model: ONNX Runtime's execution providers under names an operator can type."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import onnxruntime as ort

log = logging.getLogger(__name__)

ProviderName = Literal["cpu", "cuda", "tensorrt", "openvino"]

NAMES: dict[ProviderName, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}


class ProviderUnavailable(ValueError):
    """A provider the operator asked for is not in this build of ONNX Runtime, or did not load."""


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers that will be asked for, best first; the CPU is always last, for what others leave over."""

    names: tuple[ProviderName, ...]

    def session_arguments(self) -> list[str]:
        return [NAMES[name] for name in dict.fromkeys((*self.names, "cpu"))]

    def in_use(self, loaded: Sequence[str]) -> ProviderName:
        """The best of the wished-for providers that the session really has."""
        return next((name for name in self.names if NAMES[name] in loaded), "cpu")

    def check(self, loaded: Sequence[str], *, allow_fallback: bool) -> None:
        """A provider can be built in and still fail to load (a driver, a library); ONNX Runtime only warns then."""
        missing = [name for name in self.names if NAMES[name] not in loaded]
        if missing:
            _refuse(f"the provider {missing[0]!r} did not load (see ONNX Runtime's message above)", allow_fallback)


def resolve(wished: Sequence[ProviderName], *, allow_fallback: bool) -> Providers:
    """Keeps what this build of ONNX Runtime has. Raises ProviderUnavailable unless `allow_fallback`."""
    available = set(ort.get_available_providers())
    missing = [name for name in wished if NAMES[name] not in available]
    if missing:
        have = ", ".join(name for name, provider in NAMES.items() if provider in available)
        _refuse(f"the provider {missing[0]!r} is not in this build of ONNX Runtime, which has: {have}", allow_fallback)
    if "cuda" in wished or "tensorrt" in wished:
        ort.preload_dlls()
    return Providers(tuple(name for name in wished if name not in missing) or ("cpu",))


def _refuse(message: str, allow_fallback: bool) -> None:
    if not allow_fallback:
        raise ProviderUnavailable(f"{message}; --allow-fallback would go on without it")
    log.warning("%s; going on without it", message)
