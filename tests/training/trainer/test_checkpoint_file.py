"""A checkpoint rebuilds its model; a file that is none says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from training.config import ModelConfig, TrainConfig
from training.model.pgflkd import PGFLKD

CONFIG = replace(TrainConfig(), model=ModelConfig(backbone="test_resnet", weights="none"), milestones=(3, 4))


def checkpoint_of(model: PGFLKD, **fields: object) -> Checkpoint:
    return Checkpoint(CONFIG, classes=5, epoch=2, step=40, weights=model.state_dict(), **fields)  # type: ignore[arg-type]


def test_round_trip(tmp_path: Path) -> None:
    model = PGFLKD(CONFIG.model, classes=5).eval()
    save_checkpoint(tmp_path / "last.pt", checkpoint_of(model, code_version="0.1.0"))
    loaded = load_checkpoint(tmp_path / "last.pt")
    assert (loaded.config, loaded.classes, loaded.epoch, loaded.step) == (CONFIG, 5, 2, 40)
    crops = torch.rand(2, 3, 64, 32)
    assert torch.equal(loaded.build_model().embed(crops), model.embed(crops))
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_the_averaged_weights_are_the_model(tmp_path: Path) -> None:
    model, average = PGFLKD(CONFIG.model, classes=5), PGFLKD(CONFIG.model, classes=5)
    save_checkpoint(tmp_path / "last.pt", checkpoint_of(model, average=average.state_dict()))
    rebuilt = load_checkpoint(tmp_path / "last.pt").build_model()
    assert torch.equal(rebuilt.neck_g.classifier.weight, average.neck_g.classifier.weight)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "notes.pt"
    # each is another error of the unpickler
    for text in ("not a checkpoint", "hello\n", "\x80", "c\n", "(", "j....", "."):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(CheckpointError, match=r"notes\.pt is not a checkpoint: ."):
            load_checkpoint(file)
    file.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"notes\.pt is not a checkpoint: ."):
        load_checkpoint(file)
    torch.save({"weights": {}}, file)
    with pytest.raises(CheckpointError, match=r"notes\.pt is not a checkpoint of format 1"):
        load_checkpoint(file)
    torch.save({"format": 1, "config": '{"colour": 1}', "code_version": "9.9"}, file)
    with pytest.raises(CheckpointError, match=r"another version \(9.9\): TrainConfig has no field colour"):
        load_checkpoint(file)


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "last.pt"
    save_checkpoint(file, checkpoint_of(PGFLKD(CONFIG.model, classes=5)))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"last\.pt is not a checkpoint"):
        load_checkpoint(file)
