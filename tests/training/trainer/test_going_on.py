"""A resumed run is the run that was begun, or says why it cannot be; a failed beginning stands in nobody's way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.__main__ import main
from training.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from training.config import TrainConfig
from training.data.datasets import load_dataset
from training.distributed import Processes
from training.fit import Run, fit
from training.model.pgflkd import PGFLKD
from training.pose.cache import PoseCache, fingerprint

ALONE = Processes(0, 1, torch.device("cpu"))


def begun(noise: Path, pose: Path, config: TrainConfig, output: Path) -> None:
    assert not fit(Run(config, noise, output, pose, stop_after=1), ALONE)


def test_other_heat_maps_are_refused(noise: Path, pose: Path, config: TrainConfig, tmp_path: Path) -> None:
    begun(noise, pose, config, tmp_path / "run")
    records = load_dataset("folder", noise).train
    other = PoseCache.create(tmp_path / "other", records, "another", (16, 8))
    other.append(torch.rand(len(records), 17, 16, 8))
    other.save()
    with pytest.raises(ValueError, match=r"began with the heat maps 'random, 16×8', not 'another, 16×8'"):
        fit(Run(None, noise, tmp_path / "run", tmp_path / "other"), ALONE)


def test_other_crops_are_refused(noise: Path, config: TrainConfig, tmp_path: Path) -> None:
    baseline = replace(config, model=replace(config.model, feb=False, sab=False))
    data = tmp_path / "data"
    shutil.copytree(noise, data)
    assert not fit(Run(baseline, data, tmp_path / "run", stop_after=1), ALONE)
    inputs = load_checkpoint(tmp_path / "run" / "last.pt").inputs
    assert inputs["training crops"] == fingerprint(load_dataset("folder", data).train)
    crop = next((data / "train").iterdir())
    shutil.copy(crop, crop.with_name(crop.name.replace("_c", "_c9")))
    with pytest.raises(ValueError, match="began with the training crops"):
        fit(Run(None, data, tmp_path / "run"), ALONE)


def test_initial_weights_are_not_needed_again(noise: Path, pose: Path, config: TrainConfig, tmp_path: Path) -> None:
    file = tmp_path / "backbone.pth"
    torch.save(PGFLKD(config.model, 2).main.state_dict(), file)
    states = {name.partition(".")[2]: tensor for name, tensor in torch.load(file).items()}
    torch.save(states, file)
    config = replace(config, model=replace(config.model, weights=str(file)))
    begun(noise, pose, config, tmp_path / "run")
    file.unlink()
    assert fit(Run(None, noise, tmp_path / "run", pose), ALONE)


def test_a_run_that_failed_at_once_can_be_begun_again(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path
) -> None:
    hopeless = replace(config, learning_rate=1e30, warmup_epochs=0)
    with pytest.raises(ValueError, match="learning_rate"):
        fit(Run(hopeless, noise, tmp_path / "run", pose), ALONE)
    assert not (tmp_path / "run" / "last.pt").exists()
    assert fit(Run(config, noise, tmp_path / "run", pose), ALONE)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["learning_rate"] == config.learning_rate


@pytest.mark.parametrize("epochs", [0, -1])
def test_stop_after_nothing(noise: Path, config: TrainConfig, tmp_path: Path, epochs: int) -> None:
    with pytest.raises(ValueError, match=f"--stop-after is {epochs}; allowed: 1 or more"):
        fit(Run(config, noise, tmp_path / "run", stop_after=epochs), ALONE)


def test_a_full_disk_leaves_the_old_checkpoint_and_no_half_one(config: TrainConfig, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, Checkpoint(config, 2, 1, 1, PGFLKD(config.model, 2).state_dict()))
    before = path.read_bytes()
    script = (
        "import sys; from pathlib import Path; from training.checkpoint import *; import resource\n"
        "old = load_checkpoint(Path(sys.argv[1]))\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2}, resource.RLIM_INFINITY))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: save_checkpoint(Path(sys.argv[1]), old)\n"
        "except OSError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True).stdout
    assert f"{path} was not written, the disk may be full" in told
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_weights_of_another_network_are_one_clear_line(config: TrainConfig, tmp_path: Path) -> None:
    weights = PGFLKD(config.model, 2).state_dict()
    weights.pop(next(iter(weights)))
    for wrong in (weights, [1, 2]):
        with pytest.raises(CheckpointError, match="weights are not those of its network"):
            Checkpoint(config, 2, 1, 1, wrong).build_model()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "nowhere"], "--device 'nowhere' cannot be used"),
        (["--model.backbone", "vit_tiny_patch16_224"], "'vit_tiny_patch16_224' takes no 256×256 image"),
        (["--model.weights", "WEIGHTS"], "holds no weights"),
        (["--augment.erase_area", "0.1"], "--augment.erase_area is '0.1'; allowed: float,float"),
        (["--growth", "0x0:1"], "growth has '0x0:1'; allowed: numbers from 1"),
        (["--growth", "128x64:-3"], "growth has '128x64:-3'; allowed: numbers from 1"),
        (["--preset", "compact", "--epochs", "24"], "growth takes 24 of 24 epochs, so none is left at 256×128"),
    ],
)
def test_bad_input_is_one_clear_line(
    noise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    given = [argument.replace("WEIGHTS", str(tmp_path / "torn.pth")) for argument in arguments]
    command = ["fit", "--dataset", "folder", "--data", str(noise), "--output", str(tmp_path / "run"), *given]
    small = ["--model.feb=false", "--model.sab=false", "--identities=2", "--images=2"]
    if "--model.backbone" not in given and "--preset" not in given:
        small += ["--model.backbone=test_resnet"]
    if "--model.weights" not in given:
        small += ["--model.weights=none"]
    assert main([*command, *small]) == 1
    assert message in capsys.readouterr().err


def test_a_run_that_is_where_it_should_stop_stays_there(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path
) -> None:
    begun(noise, pose, config, tmp_path / "run")
    assert not fit(Run(None, noise, tmp_path / "run", pose, stop_after=1), ALONE)
    assert load_checkpoint(tmp_path / "run" / "last.pt").epoch == 1


def test_a_mixture_has_nothing_to_go_on_with(noise: Path, pose: Path, config: TrainConfig, tmp_path: Path) -> None:
    begun(noise, pose, config, tmp_path / "run")
    last = tmp_path / "run" / "last.pt"
    save_checkpoint(last, replace(load_checkpoint(last), optimiser={}))
    with pytest.raises(ValueError, match="made by `interpolate` and holds no optimiser; --start trains on from it"):
        fit(Run(None, noise, tmp_path / "run", pose), ALONE)
