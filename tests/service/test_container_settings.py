"""What people set when the service runs in a container: lists, a key in the environment, a volume of its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.__main__ import main
from service.cpus import usable_cpus
from service.keys import MASTER
from service.run import key_file
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., TestClient]
KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", ["cuda,cpu", " cuda , cpu ", '["cuda", "cpu"]'])
def test_lists_are_written_as_people_write_them(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REID_PROVIDERS", text)
    assert Settings().providers == ["cuda", "cpu"]


def test_a_key_in_the_environment_opens_every_door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REID_API_KEY", KEY)
    keys = key_file(Settings(host="0.0.0.0", keys=tmp_path / "none.json"))
    assert keys is not None
    assert keys.authenticate(KEY) is MASTER
    assert keys.authenticate(KEY[:-1] + "0") is None
    assert keys.authenticate("") is None


def test_the_key_is_asked_for_over_http(start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REID_API_KEY", KEY)
    client = start(keys=key_file(Settings(host="0.0.0.0", keys=tmp_path / "none.json")))
    assert client.get("/model").status_code == 401
    assert client.get("/model", headers={"X-API-Key": KEY}).status_code == 200
    assert client.get("/model", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_a_short_key_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REID_API_KEY", "hunter2")
    assert main([]) == 1
    said = capsys.readouterr().err
    assert "api_key" in said
    assert "32" in said
    assert "hunter2" not in said


def test_probes_come_by_address_whatever_names_are_allowed(start: Start) -> None:
    client = start(allowed_hosts=["reid.example.com"])
    for path in ("/livez", "/readyz"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/model", headers={"Host": "10.0.0.7:8000"}).status_code == 403


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that this process may not write; for root, who may write anything, the refusal is played."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.geteuid() == 0:
        real = os.open

        def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & os.O_CREAT and Path(path).parent == tmp_path:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, flags, *rest, **more)

        monkeypatch.setattr(os, "open", refuse)
    return tmp_path


def test_a_directory_of_another_owner_says_what_to_do(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "operator", "--keys", str(foreign / "keys.json")]) == 1
    assert f"chown -R {os.getuid()}:{os.getgid()}" in capsys.readouterr().err


def test_a_gallery_directory_of_another_owner_says_what_to_do(
    foreign: Path, grid_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model", str(grid_model), "--gallery", f"file:{foreign}", "--port", "0", "--threads", "1"]) == 1
    said = capsys.readouterr().err
    assert str(foreign) in said
    assert f"chown -R {os.getuid()}:{os.getgid()}" in said


def test_libraries_count_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    code = "import service, faiss; print(faiss.omp_get_max_threads())"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(usable_cpus())
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # the operator's word counts
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "3"


def test_a_signal_during_start_ends_it_cleanly(grid_model: Path, tmp_path: Path) -> None:
    """Process 1 has no default action: without a handler this would only work outside containers, with status -15."""
    command = [sys.executable, "-X", "importtime", "-m", "service", "--model", str(grid_model), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--gallery", f"file:{tmp_path}"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.endswith(b" pydantic\n"):  # imported after the handler, long before the server
            break
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
