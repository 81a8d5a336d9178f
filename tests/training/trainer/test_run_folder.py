"""The log of a run that was cut off, or edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.config import TrainConfig
from training.run_folder import RunFolder

EPOCHS = [{"epoch": 1, "step": 4, "learning_rate": 0.1, "losses": {}}, {"epoch": 2, "step": 8, "metrics": {}}]
LINES = "".join(json.dumps(line) + "\n" for line in EPOCHS)


def folder(path: Path, log: str) -> RunFolder:
    (path / "last.pt").touch()
    (path / "log.jsonl").write_text(log)
    return RunFolder(path, resume=True)


@pytest.mark.parametrize("end", ["", '{"epoch": 3, "st', '{"epoch": 3, "st\n', "\0\0\0", "3"])
def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path, end: str) -> None:
    assert folder(tmp_path, LINES + end).log() == EPOCHS


def test_a_log_of_nothing_but_half_a_line_begins_anew(tmp_path: Path) -> None:
    run = folder(tmp_path, '{"epoch": 0, "st')
    run.begin(TrainConfig(), taken=0)
    run.append(EPOCHS[0])
    assert run.log() == EPOCHS[:1]


def test_lines_of_what_the_checkpoint_has_not_seen_are_dropped(tmp_path: Path) -> None:
    folder(tmp_path, LINES).begin(TrainConfig(), taken=4)
    assert (tmp_path / "log.jsonl").read_text() == json.dumps(EPOCHS[0]) + "\n"


def test_any_other_broken_line_is_named(tmp_path: Path) -> None:
    first, second = LINES.splitlines()
    with pytest.raises(ValueError, match=r"log\.jsonl, line 2, is '{\"epoch\": 1, \"st'; allowed: an object in JSON"):
        folder(tmp_path, f'{first}\n{{"epoch": 1, "st\n{second}\n').log()


def test_figures_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    run = folder(tmp_path, LINES)
    run.write_metrics({"mAP": 40.0})
    with pytest.raises(TypeError):
        run.write_metrics({"mAP": object()})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"mAP": 40.0}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.pt", "log.jsonl", "metrics.json"]
