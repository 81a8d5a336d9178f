"""Settings from flags and environment; each is refused early, by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.__main__ import main
from service.cpus import usable_cpus
from service.keys import KeyFile
from service.run import check_tracing, key_file
from service.settings import Settings


def test_a_flag_beats_the_environment_beats_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Settings().port == 8000
    monkeypatch.setenv("REID_PORT", "9000")
    monkeypatch.setenv("REID_PROVIDERS", '["openvino", "cpu"]')
    assert Settings().port == 9000
    assert Settings().providers == ["openvino", "cpu"]
    assert main(["--port", "70000"]) == 1
    assert capsys.readouterr().err == "error: port: Input should be less than or equal to 65535 (got '70000')\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-crops", "300"], "max_crops is 300"),
        (["--gallery", "milvuss://user:hunter2@db"], "'milvuss:…'"),
        (["--model", "missing.onnx"], "missing.onnx"),
    ],
)
def test_no_secret_is_printed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    grid_model: Path,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("REID_API_KEY", "hunter2" * 5)
    assert main(["--model", str(grid_model), *arguments]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--queue-crops", "0"], "queue_crops"),
        (["--max-crops", "300"], "max_crops is 300, more than queue_crops (256)"),
        (["--max-body-mib", "600"], "max_body_mib is 600, more than max_bodies_mib (512)"),
        (["--providers", "tpu"], "providers"),
        (["--log-format", "xml"], "log_format"),
        (["--threads", "many"], "threads"),
    ],
)
def test_what_is_out_of_range(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error


def test_an_unknown_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--modle", "x"])
    assert "unrecognized arguments: --modle" in capsys.readouterr().err


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("gate.example", False)],
)  # fmt: skip
def test_which_addresses_are_this_machine(host: str, loopback: bool) -> None:
    assert Settings(host=host).loopback is loopback


def test_who_may_come_in(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    running = key_file(Settings(keys=path))
    assert running is not None
    assert running.open
    assert key_file(Settings(keys=path, host="0.0.0.0", no_auth=True)) is None
    with pytest.raises(ValueError, match=r"others can reach 0\.0\.0\.0"):
        key_file(Settings(keys=path, host="0.0.0.0"))
    KeyFile(path).create("a", ["embed"])
    assert not running.open
    for host in ("0.0.0.0", "127.0.0.1"):
        assert not _file(path, host).open
    KeyFile(path).revoke("a")
    assert not _file(path, "127.0.0.1").open, "revoking the last key must not open the door"
    path.unlink()
    assert not running.open, "losing the file must not open the door of a running service"


def _file(path: Path, host: str) -> KeyFile:
    keys = key_file(Settings(keys=path, host=host))
    assert keys is not None
    return keys


def test_a_containers_quota_counts(tmp_path: Path) -> None:
    every = usable_cpus(tmp_path)
    assert every >= 1
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert usable_cpus(tmp_path) == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cpus(tmp_path) == every
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cpus(tmp_path) == every
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000")
    assert usable_cpus(tmp_path) == 1


def test_tracing_without_an_exporter_is_refused() -> None:
    check_tracing(Settings())
    with pytest.raises(ValueError, match=r"pip install 'fastapi\[opentelemetry\]'"):
        check_tracing(Settings(tracing=True))


def test_a_service_that_cannot_send_its_spans_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tracing", "--model", "nowhere.onnx"]) == 1
    assert "--tracing needs an exporter" in capsys.readouterr().err
