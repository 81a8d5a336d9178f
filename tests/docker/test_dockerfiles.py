"""What the Dockerfiles say, checked without an engine."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions(file: Path) -> list[str]:
    """One string for each instruction, comments gone and continued lines joined."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return re.sub(r"\s*\\\n\s*", " ", "\n".join(lines)).split("\n")


def environment(file: Path) -> dict[str, str]:
    """What ENV sets."""
    return dict(
        pair.split("=", 1)
        for line in instructions(file)
        if line.startswith("ENV ")
        for pair in line.removeprefix("ENV ").split()
    )


def test_all_three_are_here() -> None:
    assert [file.name for file in DOCKERFILES] == ["Dockerfile", "gpu.Dockerfile", "training.Dockerfile"]


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([HADOLINT, *DOCKERFILES], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_every_stage_has_one_base_and_every_run_its_secrets_only_to_install(file: Path) -> None:
    said = instructions(file)
    assert "ARG BASE_IMAGE=python:3.11-slim-bookworm" in said
    assert {line.split()[1] for line in said if line.startswith("FROM ")} == {"${BASE_IMAGE}"}
    assert all("pip" in line for line in said if "type=secret" in line)
    assert not file.read_text().startswith("# syntax")  # it would fetch a builder from a registry


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_the_process_is_the_program_and_not_root(file: Path) -> None:
    said = instructions(file)
    assert "USER 10001:10001" in said
    for line in said:
        if line.startswith(("ENTRYPOINT", "CMD")):
            assert re.match(r'\w+ \["', line), f"a shell would keep signals to itself: {line}"


@pytest.mark.parametrize("file", DOCKERFILES[:2], ids=lambda file: file.name)
def test_every_setting_that_an_image_sets_is_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name: value.strip("'") for name, value in environment(file).items() if name.startswith("REID_")}
    assert given
    assert {name.removeprefix("REID_").lower() for name in given} <= set(Settings.model_fields)
    model = next(line for line in instructions(file) if line.startswith("ARG MODEL=")).removeprefix("ARG MODEL=")
    assert (ROOT / model).is_file()
    for name, value in given.items():
        monkeypatch.setenv(name, value.replace("${MODEL}", model))
    settings = Settings()
    assert settings.model == Path("/app") / model
    assert settings.keys.parent == Path("/data")
    assert f"EXPOSE {settings.port}" in instructions(file)


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_knows_its_version(file: Path, tmp_path: Path) -> None:
    """Neither git nor an installed package is there to say it, for /model and in exported files."""
    (script,) = [line.removeprefix("RUN ") for line in instructions(file) if "dist-info" in line]
    script = script.replace("/tmp/pyproject.toml", str(ROOT / "pyproject.toml"))
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    (found,) = distributions(name="pgfl-kd-reid", path=[str(tmp_path)])
    assert found.version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_gpu_image_is_the_same_service() -> None:
    """Whatever is put into the one belongs into the other; only these may differ."""
    lines = [instructions(file) for file in DOCKERFILES[:2]]
    changed = [line[2:] for line in difflib.ndiff(*lines) if line[0] in "+-"]
    allowed = ("ARG REQUIREMENTS=", "RUN site=", "LABEL ", "ENV ")
    assert [line for line in changed if not line.startswith(allowed)] == []
    cpu, gpu = (environment(file) for file in DOCKERFILES[:2])
    added = {name: value for name, value in gpu.items() if name not in cpu}
    assert {name: gpu[name] for name in cpu} == cpu
    assert set(added) == {"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "REID_PROVIDERS"}


def test_the_builder_is_sent_only_what_images_are_made_of() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = {rule[1:].rstrip("/") for rule in rules if rule.startswith("!")}
    copied = {
        source
        for file in DOCKERFILES
        for line in instructions(file)
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    resolved = {re.sub(r"\$\{REQUIREMENTS\}", "requirements*.txt", source) for source in copied}
    assert {"models" if source == "${MODEL}" else source for source in resolved} == sent
