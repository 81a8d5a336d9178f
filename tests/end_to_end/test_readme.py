"""The README's commands do what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.deployed import ROOT, Demo, clean_environment

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(zip(("start", "query", "train"), re.findall(r"```bash\n(.*?)```", README, re.DOTALL), strict=True))
pytestmark = pytest.mark.slow

# What makes each command of the training block small enough for a test.
SMALLER = {
    "training.data.synthetic": "--people 8 --sightings 4 --height 64 --width 32",
    "training pose-cache": "--height 64 --width 32",
    "training fit": "--height 64 --width 32 --growth= --epochs 1 --identities 2 --images 2 --warmup_epochs 0 "
    "--model.weights none",
    "export": "",
}


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("line", [line for line in BLOCKS["start"].splitlines() if line])
def test_make_knows_the_targets(line: str) -> None:
    command = line.partition("#")[0].split()
    told = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "-m demo" in told.stdout or "-m pytest" in told.stdout


def test_the_query_gets_the_answer_that_is_printed(demo: Demo, tmp_path: Path) -> None:
    commands = BLOCKS["query"].replace("127.0.0.1:8000", f"127.0.0.1:{demo.port}")
    told = subprocess.run(["bash", "-ec", commands], cwd=tmp_path, capture_output=True, text=True, check=True)
    (printed,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    answer, expected = json.loads(told.stdout), json.loads(printed)
    assert answer.keys() == expected.keys()
    ours, theirs = answer["results"][0]["matches"], expected["results"][0]["matches"]
    for mine, shown in zip(ours, theirs, strict=True):
        for computed in ("score", "probability"):  # their last digits depend on the processor
            assert mine.pop(computed) == pytest.approx(shown.pop(computed), abs=1e-3)
        assert mine == shown


def test_training_block(tmp_path: Path) -> None:
    """In small; the last command serves, so only its --help is asked."""
    lines = BLOCKS["train"].strip().splitlines()
    assert [name for name in SMALLER if not any(f"-m {name} " in line for line in lines)] == []
    for line in lines:
        smaller = next((more for name, more in SMALLER.items() if f"-m {name} " in line), "--help")
        words = [sys.executable if word == "python" else word for word in shlex.split(f"{line} {smaller}")]
        environment = clean_environment() | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
    assert (tmp_path / "first.onnx").stat().st_size > 1_000_000
