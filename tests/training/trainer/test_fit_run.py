"""A run from data set to metrics: what it writes, how it stops, how it goes on."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training import fit as fit_module
from training.__main__ import main
from training.checkpoint import Checkpoint, load_checkpoint
from training.config import TrainConfig
from training.data.datasets import load_dataset
from training.distributed import Processes
from training.fit import Run, content, fit

ALONE = Processes(0, 1, torch.device("cpu"))


def finish(run: Run) -> Checkpoint:
    assert fit(run, ALONE)
    return load_checkpoint(run.output / "last.pt")


def assert_same(a: Checkpoint, b: Checkpoint) -> None:
    """Bit for bit."""
    assert (a.epoch, a.step, a.config) == (b.epoch, b.step, b.config)
    assert a.average is not None
    assert b.average is not None
    for mine, theirs in ((a.weights, b.weights), (a.average, b.average)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert torch.equal(a.random_state, b.random_state)
    for key, state in a.optimiser["state"].items():
        assert all(torch.equal(value, b.optimiser["state"][key][name]) for name, value in state.items())


def test_a_run_leaves_everything_behind(noise: Path, pose: Path, config: TrainConfig, tmp_path: Path) -> None:
    output = tmp_path / "run"
    checkpoint = finish(Run(replace(config, evaluate_every=1, gradient_norms_every=2), noise, output, pose))
    assert {file.name for file in output.iterdir()} == {
        "config.json", "curves.png", "last.pt", "log.jsonl", "metrics.json", "tensorboard"
    }  # fmt: skip
    log = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log if "losses" in line] == [1, 2]
    assert [line["epoch"] for line in log if "metrics" in line] == [0, 1, 2]
    assert log[1]["losses"].keys() == {
        "total", "id/G", "triplet/G", "id/E", "triplet/E", "id/V", "triplet/V", "consistent", "contrastive"
    }  # fmt: skip
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["queries"] == 8
    assert json.loads((output / "config.json").read_text())["model"]["backbone"] == "test_resnet"
    assert checkpoint.build_model().embed(torch.rand(2, 3, 64, 32)).shape == (2, 96)


@pytest.mark.parametrize("model", [{}, {"feb": False, "sab": False}])
def test_resumed_after_an_epoch_is_bit_for_bit_the_same(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path, model: dict[str, bool]
) -> None:
    config = replace(config, model=replace(config.model, **model))
    in_one_go = finish(Run(config, noise, tmp_path / "one", pose))
    assert not fit(Run(config, noise, tmp_path / "two", pose, stop_after=1), ALONE)
    torch.manual_seed(999)  # another process would have another state
    assert_same(finish(Run(None, noise, tmp_path / "two", pose)), in_one_go)


def test_ctrl_c_saves_within_an_epoch_and_the_run_goes_on_bit_for_bit(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_one_go = finish(Run(config, noise, tmp_path / "one", pose))
    taken = fit_module.Trainer.step

    def pressed(self: fit_module.Trainer, batch: object) -> object:
        if self.taken == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return taken(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(fit_module.Trainer, "step", pressed)
    assert not fit(Run(config, noise, tmp_path / "two", pose), ALONE)
    monkeypatch.undo()
    stopped = load_checkpoint(tmp_path / "two" / "last.pt")
    assert stopped.step == 3
    assert stopped.step % (in_one_go.step // 2)  # not at an epoch's end
    assert_same(finish(Run(None, noise, tmp_path / "two", pose)), in_one_go)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_a_nan_names_its_term_and_the_last_checkpoint_stays(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path
) -> None:
    broken = replace(config, loss=replace(config.loss, similarity="dot", temperature=1e-45))
    assert not fit(Run(config, noise, tmp_path / "run", pose, stop_after=1), ALONE)
    with pytest.raises(ValueError, match=r"in epoch 1, step 1, of the loss contrastive is (inf|nan); a lower"):
        fit(Run(broken, noise, tmp_path / "broken", pose), ALONE)
    assert not (tmp_path / "broken" / "last.pt").exists()


def test_the_command_line(noise: Path, pose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "my run"
    common = ["fit", "--data", str(noise), "--output", str(output), "--pose-cache", str(pose), "--device", "cpu"]
    small = "--model.backbone test_resnet --model.weights none --height 64 --width 32 --identities 2 --images 3"
    chosen = ["--dataset", "folder", "--preset", "ablation-5", *small.split(), "--epochs", "2"]
    assert main([*common, *chosen, "--stop-after", "1"]) == 130
    assert f"to go on: python -m training fit {shlex.join(common[1:])} --resume\n" in capsys.readouterr().err
    assert main([*common, *chosen]) == 1
    assert "holds a run; --resume goes on with it" in capsys.readouterr().err
    assert main([*common, "--resume", "--epochs", "9"]) == 1
    assert "leave out --epochs" in capsys.readouterr().err
    assert main([*common, "--resume"]) == 0
    assert not load_checkpoint(output / "last.pt").config.loss.consistent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--dataset is missing; allowed: "),
        (["--resume"], "has no last.pt to resume from"),
        (["--dataset", "folder", "--epochs", "few"], "--epochs is 'few'; allowed: int"),
        (["--dataset", "folder", "--identities", "9"], "a batch needs 9 identities; the data set has 4"),
    ],
)
def test_bad_input_ends_in_one_line(
    noise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["fit", "--data", str(noise), "--output", str(tmp_path / "run"), *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_run_is_not_resumed_with_other_people(noise: Path, pose: Path, config: TrainConfig, tmp_path: Path) -> None:
    assert not fit(Run(config, noise, tmp_path / "run", pose, stop_after=1), ALONE)
    fewer = tmp_path / "fewer"
    for file in [f for f in noise.rglob("*.png") if not f.name.startswith("0001")]:
        copy = fewer / file.relative_to(noise)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match=r"the run is of 4 identities; .*fewer has 3 for training"):
        fit(Run(None, fewer, tmp_path / "run"), ALONE)


def test_a_cache_of_other_images_is_refused(noise: Path, pose: Path, config: TrainConfig, tmp_path: Path) -> None:
    other = tmp_path / "data"
    for file in noise.rglob("*.png"):
        copy = other / file.relative_to(noise)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(ValueError, match="other images"):
        fit(Run(config, other, tmp_path / "run", pose), ALONE)


def test_a_run_is_not_resumed_with_other_labels(noise: Path, config: TrainConfig, tmp_path: Path) -> None:
    crops = sorted((noise / "train").iterdir())
    table, config = (
        tmp_path / "people.csv",
        replace(config, dataset="csv", model=replace(config.model, feb=False, sab=False)),
    )

    def write(persons: list[str]) -> None:
        rows = (f"train,{crop},{person},1" for crop, person in zip(crops, persons, strict=True))
        table.write_text("\n".join(["split,path,person_id,camera_id", *rows]))

    write([crop.name[:4] for crop in crops])
    assert not fit(Run(config, table, tmp_path / "run", stop_after=1), ALONE)
    write([crop.name[:4] for crop in reversed(crops)])
    with pytest.raises(ValueError, match="the run began with the training labels"):
        fit(Run(None, table, tmp_path / "run"), ALONE)


def test_what_cannot_be_evaluated_is_told_before_anything_is_trained(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path
) -> None:
    one_camera, no_queries = tmp_path / "one camera", tmp_path / "no queries"
    for file in noise.rglob("*.png"):
        copy = one_camera / file.parent.name / re.sub("_c[0-9]_", "_c1_", file.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match=r"none of the 8 queries of 'folder' has a match"):
        fit(Run(config, one_camera, tmp_path / "run", pose), ALONE)
    shutil.copytree(noise / "train", no_queries / "train")
    with pytest.raises(ValueError, match=r"evaluate_every is 1; allowed: 0, for 'folder' has no queries"):
        fit(Run(replace(config, evaluate_every=1), no_queries, tmp_path / "run", pose), ALONE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("measured", [True, False])
def test_a_run_that_is_stopped_between_evaluations_misses_none(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path, measured: bool
) -> None:
    config = replace(config, evaluate_every=1)
    in_one_go = finish(Run(config, noise, tmp_path / "one", pose))
    run = Run(config, noise, tmp_path / "run", pose, stop_after=1)
    assert not fit(run, ALONE)
    log = run.output / "log.jsonl"
    *before, evaluation = log.read_text().splitlines(keepends=True)
    assert "metrics" in json.loads(evaluation)
    log.write_text("".join(before) + (evaluation if measured else "") + '{"epoch": 2, "st')  # killed, or a full disk
    torch.manual_seed(999)  # another process would have another state
    assert_same(finish(Run(None, noise, run.output, pose)), in_one_go)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["epoch"] for line in lines if "metrics" in line] == [0, 1, 2]
    assert [line["epoch"] for line in lines if "losses" in line] == [1, 2]


def test_what_was_measured_before_the_first_step_is_not_measured_again(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path
) -> None:
    hopeless = replace(config, learning_rate=1e30, warmup_epochs=0, evaluate_every=1)
    for begun_or_resumed in (hopeless, None):
        with pytest.raises(ValueError, match="learning_rate"):
            fit(Run(begun_or_resumed, noise, tmp_path / "run", pose), ALONE)
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1


def test_other_processes_than_the_first_leave_the_log_alone(
    noise: Path, pose: Path, config: TrainConfig, tmp_path: Path
) -> None:
    run = Run(replace(config, epochs=1), noise, tmp_path / "run", pose)
    assert fit(run, ALONE)
    log = run.output / "log.jsonl"
    log.write_text(before := log.read_text() + '{"epoch": 2, "st')
    assert fit(replace(run, config=None), Processes(1, 1, torch.device("cpu")))
    assert log.read_text() == before
    assert fit(replace(run, config=None), ALONE)
    assert log.read_text() != before


@pytest.mark.parametrize("change", [{"person_id": 99}, {"camera_id": 99}])
def test_the_content_of_a_data_set_is_also_who_is_seen_where(noise: Path, change: dict[str, int]) -> None:
    dataset = load_dataset("folder", noise)
    first, *others = dataset.gallery
    assert content(load_dataset("folder", noise)) == content(dataset)
    assert content(replace(dataset, gallery=(first._replace(**change), *others))) != content(dataset)
