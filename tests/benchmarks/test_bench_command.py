"""`python -m benchmarks`: what it runs, keeps, skips and writes. The benchmark is one that copies a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as bench
from benchmarks.drawn_market import draw_market
from benchmarks.quick import ALL, Figure, Quick
from training.data.datasets import load_dataset
from training.data.datasets.counts import CountMismatch

COPIED = (Figure("a crop", "ms", "lower", ("rows", 1, "ms")),)


def copying(source: Path, **more: Any) -> Quick:
    return Quick("copy", ("json.tool", str(source), "{json}"), COPIED, **more)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source.json"
    file.write_text(json.dumps({"rows": [{}, {"ms": 12.5}]}))
    return file


def test_every_run_is_kept(source: Path, tmp_path: Path) -> None:
    ran = bench.run_all([copying(source)], repeats=2, budget_s=60, data=tmp_path)
    assert ran["copy"]["figures"] == {"a crop": {"values": [12.5, 12.5], "unit": "ms", "better": "lower"}}


def test_repeats_without_time_are_left_out_and_said_to_be(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "ALL", (copying(source), Quick("more", copying(source).arguments, COPIED)))
    assert bench.main(["--results", str(tmp_path / "results"), "--minutes", "0"]) == 0
    (page,) = (tmp_path / "results").glob("*.md")
    assert "Fewer than 3 runs, for want of time: copy 1, more 1." in page.read_text()


def test_what_is_missing_is_said_and_what_fails_too(source: Path, tmp_path: Path) -> None:
    chosen = [copying(source, missing=lambda: "there is no docker"), copying(tmp_path / "nowhere.json")]
    assert [bench.run_all([one], 1, 60, tmp_path)["copy"] for one in chosen] == [
        {"skipped": "there is no docker"},
        {"skipped": "failed with status 2"},
    ]


def test_a_second_result_names_the_first_and_marks_what_is_worse(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ALL", (copying(source),))
    options = ["--results", str(tmp_path / "results"), "--repeats", "2"]
    assert bench.main(options) == 0
    (first,) = (tmp_path / "results").glob("*.json")
    assert "nothing to compare with" in first.with_suffix(".md").read_text()
    source.write_text(json.dumps({"rows": [{}, {"ms": 15}]}))
    assert bench.main(options) == 0
    assert f"Compared with {first.stem}" in first.with_suffix(".md").read_text()
    assert "| copy | a crop | 15 ms | 15 to 15 | 12.5 | +20.0 % | **worse** |" in first.with_suffix(".md").read_text()
    assert "worse: copy: a crop" in capsys.readouterr().out
    assert first.with_suffix(".png").stat().st_size > 1000


def test_a_result_can_be_measured_in_pieces(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ALL", (copying(source), Quick("more", copying(source).arguments, COPIED)))
    for name in ("copy", "more"):
        assert bench.main(["--results", str(tmp_path / "results"), "--repeats", "1", name]) == 0
    (file,) = (tmp_path / "results").glob("*.json")
    assert list(json.loads(file.read_text())["benchmarks"]) == ["copy", "more"]


def test_a_single_run_against_a_single_run_says_nothing_of_noise(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ALL", (copying(source),))
    for ms in (10, 20):
        source.write_text(json.dumps({"rows": [{}, {"ms": ms}]}))
        assert bench.main(["--results", str(tmp_path / "results"), "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    assert "+100.0 %" in printed
    assert "worse: " not in printed


def test_a_failed_benchmark_fails_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ALL", (copying(tmp_path / "nowhere.json"),))
    assert bench.main(["--results", str(tmp_path), "--repeats", "1"]) == 1


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["speed"])
    assert "speed" in capsys.readouterr().err


def test_every_folder_with_a_benchmark_has_a_quick_version() -> None:
    folders = {file.parent.name for file in Path(bench.__file__).parent.glob("*/__main__.py")}
    assert folders == {quick.name for quick in ALL} | {"rivals", "page"}


def test_drawn_people_stand_in_for_market(tmp_path: Path) -> None:
    root = draw_market(tmp_path / "drawn", people=4)
    with pytest.warns(CountMismatch, match="Market-1501"):
        dataset = load_dataset("market1501", root)
    assert dataset.query
    assert {record.person_id for record in dataset.query} <= {record.person_id for record in dataset.gallery}
