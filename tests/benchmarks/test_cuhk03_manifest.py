"""CUHK03's manifest: cameras by number, the persons of `val` from one camera searched in the other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.people.cuhk03 import main, rows
from training.data.datasets import load_dataset


def test_the_manifest_is_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "train/0000_00",
        "train/0000_07",
        "train_resized/0000_00",
        "val/0003_04",
        "val/0003_05",
        "val/0003_09",
    ):
        file = tmp_path / "labeled" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr(sys, "argv", ["cuhk03", str(tmp_path)])
    assert main() == 0
    data = load_dataset("csv", tmp_path)
    assert [(r.person_id, r.camera_id) for r in data.train] == [(1, 1), (1, 2)]
    assert [(r.person_id, r.camera_id) for r in data.query] == [(4, 1)]
    assert [(r.person_id, r.camera_id) for r in data.gallery] == [(4, 2), (4, 2)]


def test_a_folder_without_crops_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no labeled/train"):
        list(rows(tmp_path))
