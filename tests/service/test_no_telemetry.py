"""ONNX Runtime of recent versions tells its maker about every session; a service for pictures of people must not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOAD = "import sys; from pathlib import Path; from service.encoder import OnnxEncoder; OnnxEncoder(Path(sys.argv[1]))"
TRACE = Path(".cache/Microsoft")


def home_after(code: str, model: Path, home: Path) -> Path:
    """A home directory after a process loaded a model; ONNX Runtime keeps its device id and its unsent events there."""
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    subprocess.run([sys.executable, "-c", code, str(model)], cwd=ROOT, env=environment, check=True)
    return home


def test_a_service_that_loads_a_model_leaves_no_device_id(grid_model: Path, tmp_path: Path) -> None:
    assert not (home_after(LOAD, grid_model, tmp_path) / TRACE).exists()


@pytest.mark.parametrize("package", ["service", "training", "export"])
def test_every_package_that_runs_models_says_so_first(package: str) -> None:
    code = f"import {package}, os; raise SystemExit(os.environ.get('ORT_DISABLE_TELEMETRY') != '1')"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0
