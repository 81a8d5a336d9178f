"""A calibration gets into a file whole, or the file stays as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reid_contract import Calibration
from training.evaluation.onnx_calibration import write_calibration

SHIPPED = Path(__file__).parents[3] / "models" / "lite0-imagenet.onnx"
CALIBRATION = Calibration((0.0, 1.0), (0.1, 0.9), (), 0.5, "drawn people")

FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.training.evaluation.test_onnx_calibration import CALIBRATION
from training.evaluation.onnx_calibration import write_calibration
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_calibration(Path(sys.argv[1]), CALIBRATION)
except OSError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copy(SHIPPED, tmp_path / "model.onnx"))


def test_a_full_disk_leaves_the_file_as_it_was(model):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(model)],
        capture_output=True,
        text=True,
        check=False,
        cwd=SHIPPED.parents[1],
    )
    assert f"{model} could not be written: File too large" in done.stderr
    assert list(model.parent.iterdir()) == [model]
    assert model.read_bytes() == SHIPPED.read_bytes()


def test_an_interruption_leaves_the_file_as_it_was(model, monkeypatch):
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_calibration(model, CALIBRATION)
    assert list(model.parent.iterdir()) == [model]
    assert model.read_bytes() == SHIPPED.read_bytes()
