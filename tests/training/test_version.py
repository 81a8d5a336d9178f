"""Which code a checkpoint or a model file says it is of."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from training import version


@pytest.fixture(autouse=True)
def forgotten():
    version.code_version.cache_clear()
    yield
    version.code_version.cache_clear()


def repository(folder: Path) -> Path:
    for command in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", "--allow-empty"],
    ):
        subprocess.run(["git", "-C", folder, *command], check=True)
    return folder


def test_in_a_checkout_it_names_the_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "_PROJECT", repository(tmp_path))
    assert re.fullmatch(r"[\d.]+\+g[0-9a-f]{10}", version.code_version())


def test_a_repository_that_it_only_lies_in_is_not_its_own(tmp_path, monkeypatch):
    inside = repository(tmp_path) / "venv"
    inside.mkdir()
    monkeypatch.setattr(version, "_PROJECT", inside)
    assert re.fullmatch(r"[\d.]+", version.code_version())


def test_nor_is_one_that_runs_it_in_a_hook(tmp_path, monkeypatch):
    (tmp_path / "installed").mkdir()
    monkeypatch.setattr(version, "_PROJECT", tmp_path / "installed")
    monkeypatch.setenv("GIT_DIR", str(repository(tmp_path) / ".git"))
    assert re.fullmatch(r"[\d.]+", version.code_version())
