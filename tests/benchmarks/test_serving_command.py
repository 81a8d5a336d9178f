"""`python -m benchmarks.serving` where the hardware that was asked for is not there."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort
import pytest

from benchmarks.serving import __main__ as command
from service.providers import NAMES


def test_a_provider_that_cannot_be_used_is_skipped_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    missing = next(name for name, provider in NAMES.items() if provider not in ort.get_available_providers())
    assert command.main(["throughput", "--provider", missing]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"Skipped: throughput: the provider {missing!r} is not in this build of ONNX Runtime")
    assert "--allow-fallback" not in told  # a flag of the service, not of this command
    assert not any(tmp_path.iterdir())
