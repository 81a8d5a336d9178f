"""Ablations: the whole command in miniature on drawn people; its bookkeeping with a trainer that only pretends."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys

import pytest
import torch

from training.__main__ import main
from training.checkpoint import load_checkpoint
from training.commands.ablate import SWITCHES
from training.config import TrainConfig
from training.data.holdout import held_out
from training.data.records import Record
from training.data.synthetic import draw_dataset
from training.evaluation.ablation import TABLE_ROWS, run_all, spread, sweep_configs, table, table_configs
from training.evaluation.plots.ablation import draw_ablation, draw_sweep
from training.fields import fields
from training.presets import preset


def pretend(calls, rank1=50.0):
    """A trainer that writes figures which depend on the seed only."""

    def run_one(config, folder):
        calls.append((folder.parent.name, config.seed))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps({"rank1": rank1 + config.seed, "mAP": 40.0 + config.seed}))

    return run_one


def test_rows_differ_in_their_switches_and_in_nothing_else():
    configs = table_configs(TrainConfig(epochs=7, learning_rate=0.5))
    switches = {
        row.name: (c.model.sab, c.model.interaction, c.loss.sab_distillation, c.model.feb, c.loss.consistent)
        for row, c in configs.items()
    }
    assert switches == {
        "ablation-1": (False, False, "none", False, False),
        "ablation-2": (True, False, "none", False, False),
        "ablation-3": (True, True, "none", False, False),
        "ablation-4": (True, True, "contrastive", False, False),
        "ablation-5": (True, True, "contrastive", True, False),
        "ablation-6": (True, True, "contrastive", True, True),
        "table-7": (True, True, "consistent", True, True),
    }
    assert {(c.epochs, c.learning_rate, c.height) for c in configs.values()} == {(7, 0.5, 384)}
    shown = [{field.name: field.shown for field in fields(config)} for config in configs.values()]
    assert {name for name in shown[0] if len({names[name] for names in shown}) > 1} == set(SWITCHES)


def test_what_is_done_is_not_done_again(tmp_path):
    configs, calls = table_configs(TrainConfig()), []
    run_all(dict(list(configs.items())[:2]), [0], tmp_path, pretend(calls), data="d")
    results = run_all(configs, [0, 1], tmp_path, pretend(calls), data="d")
    assert len(calls) == len(set(calls)) == 2 * len(configs)
    assert results[0].rank1 == (50.0, 51.0)
    printed = table(results, "drawn")
    assert "| 1 Baseline | 50.5 ± 0.7 | 40.5 ± 0.7 | 52.7 | 45.9 |" in printed
    assert len(printed.splitlines()) == 4 + len(TABLE_ROWS)
    draw_ablation(results, "drawn").draw_without_rendering()


def test_the_preset_gives_the_budget_and_not_the_switches():
    assert table_configs(preset("ablation-1")) == table_configs(preset("paper"))


def test_a_folder_with_another_run_is_refused(tmp_path):
    configs = table_configs(TrainConfig())
    folder = tmp_path / "ablation-1" / "seed-0"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"epochs": 3}))
    with pytest.raises(ValueError, match=r"holds a run with another .*epochs"):
        run_all(configs, [0], tmp_path, pretend([]), data="d")


def test_figures_of_other_data_are_not_taken_for_these(tmp_path):
    configs = dict(list(table_configs(TrainConfig()).items())[:1])
    run_all(configs, [0], tmp_path, pretend([]), data="these")
    file = tmp_path / "ablation-1" / "seed-0" / "metrics.json"
    assert run_all(configs, [0], tmp_path, pretend([]), data="others")[0].rank1 == (50.0,)  # of an older version
    file.write_text(json.dumps(json.loads(file.read_text()) | {"data": "these"}))
    assert run_all(configs, [0], tmp_path, pretend([]), data="these")[0].rank1 == (50.0,)
    with pytest.raises(ValueError, match=r"seed-0 holds a run on other data; choose another --output"):
        run_all(configs, [0], tmp_path, pretend([]), data="others")


def test_a_run_of_a_version_with_fewer_fields_goes_on(tmp_path):
    configs = table_configs(TrainConfig())
    folder = tmp_path / "ablation-1" / "seed-0"
    folder.mkdir(parents=True)
    before = dataclasses.asdict(configs[TABLE_ROWS[0]])
    del before["augment"]["light"], before["start"]
    (folder / "config.json").write_text(json.dumps(before))
    run_all(configs, [0], tmp_path, pretend(calls := []), data="d")
    assert len(calls) == len(configs)


def test_a_sweep_changes_one_weight(tmp_path):
    configs = sweep_configs(TrainConfig(), "lambda_cl", [0.0, 0.25])
    assert [c.loss.lambda_cl for c in configs.values()] == [0.0, 0.25]
    assert {c.loss.lambda_mcl for c in configs.values()} == {0.25}
    results = run_all(configs, [0], tmp_path, pretend([]), data="d")
    draw_sweep({"lambda_cl": dict(zip([0.0, 0.25], results, strict=True))}, "drawn").draw_without_rendering()
    assert spread([41.04]) == "41.0"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn")
    draw_dataset(out, people=8, cameras=3, sightings_per_person=4, height=64, width=32)
    return out


SMALL = [
    f"--set={assignment}"
    for assignment in (
        "height=64", "width=32", "epochs=1", "identities=2", "images=2", "warmup_epochs=0", "growth=",
        "model.backbone=tf_efficientnet_lite0", "model.weights=none",
    )
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's, on newer numpy
def test_the_command_trains_every_row_and_goes_on_where_it_was_stopped(drawn, tmp_path, capsys):
    torch.set_num_threads(1)
    command = ["ablate", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path), "--device", "cpu"]
    assert main([*command, *SMALL, "--rows", "ablation-1,ablation-6,table-7"]) == 0
    printed = capsys.readouterr().out
    assert "| 6 MB+SAB+FEB w/ C (PGFL-KD) |" in printed
    assert (tmp_path / "ablation.png").stat().st_size > 10_000
    body = json.loads((tmp_path / "results.json").read_text())
    assert [result["name"] for result in body["results"]] == ["ablation-1", "ablation-6", "table-7"]
    (tmp_path / "table-7" / "seed-0" / "metrics.json").unlink()
    assert main([*command, *SMALL, "--rows", "ablation-1,ablation-6,table-7"]) == 0
    again = capsys.readouterr().out
    assert "going on with table-7, seed 0" in again
    assert "ablation-1, seed" not in again


def test_schemes_of_two_estimators_have_a_cache_each(drawn, tmp_path, capsys):
    torch.set_num_threads(1)
    command = ["compare", "--dataset", "synthetic", "--data", str(drawn), "--device", "cpu", *SMALL]
    command += ["--change", "estimator=hrnet-w48", "estimator_weights=gone.pth"]
    assert main([*command, "--output", str(tmp_path / "a"), "--pose-cache", str(tmp_path / "pose")]) == 1
    assert "holds the heat maps of one estimator, and the schemes are of 2" in capsys.readouterr().err
    assert main([*command, "--output", str(tmp_path / "b")]) == 1
    assert "gone.pth" in capsys.readouterr().err
    assert (tmp_path / "b" / "unchanged" / "seed-0" / "metrics.json").is_file()


@pytest.mark.slow
def test_two_processes_compare_and_one_reports(drawn, tmp_path):
    command = ["compare", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path), "--device", "cpu"]
    schemes = ["--set=model.feb=false", "--set=model.sab=false", "--change", "ema=0.9"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "training"]
    ran = subprocess.run([*launch, *command, *SMALL, *schemes], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("| ema=0.9 |") == 1
    assert ran.stdout.count("training ema=0.9, seed 0") == 1


def test_every_run_is_measured_on_occluded_queries_too(drawn, tmp_path, capsys):
    torch.set_num_threads(1)
    data, hidden, output = ["--dataset", "synthetic", "--data", str(drawn)], tmp_path / "hidden", tmp_path / "runs"
    assert main(["make-occluded", *data, "--output", str(hidden), "--occluders", "drawn"]) == 0
    command = ["ablate", *data, "--output", str(output), "--device", "cpu", *SMALL, "--rows", "ablation-1"]
    assert main([*command, "--seeds", "2", "--occluded", str(hidden)]) == 0
    assert "synthetic, occluded queries, 2 seeds" in capsys.readouterr().out
    body = json.loads((output / "results-occluded.json").read_text())
    assert len(body["results"][0]["mAP"]) == 2
    assert body["results"][0]["mAP"] != json.loads((output / "results.json").read_text())["results"][0]["mAP"]
    assert (output / "ablation-occluded.png").stat().st_size > 10_000
    assert main([*command, "--seeds", "2", "--occluded", str(hidden)]) == 0
    assert "measuring" not in capsys.readouterr().out
    harder = tmp_path / "harder"
    assert main(["make-occluded", *data, "--output", str(harder), "--occluders", "drawn", "--cover", "0.7", "0.8"]) == 0
    assert main([*command, "--seeds", "2", "--occluded", str(harder)]) == 0
    assert "measuring" in capsys.readouterr().out


def test_figures_of_one_folder_are_not_printed_as_those_of_another(drawn, tmp_path, capsys):
    torch.set_num_threads(1)
    command = ["ablate", "--dataset", "synthetic", "--output", str(tmp_path / "runs"), "--device", "cpu", *SMALL]
    command += ["--rows", "ablation-1", "--data"]
    assert main([*command, str(drawn)]) == 0
    other = shutil.copytree(drawn, tmp_path / "other")
    next((other / "query").iterdir()).unlink()
    capsys.readouterr()
    assert main([*command, str(other)]) == 1
    printed = capsys.readouterr()
    assert "seed-0 holds a run on other data; choose another --output" in printed.err
    assert "| 1 Baseline |" not in printed.out


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(drawn, tmp_path, capsys):
    torch.set_num_threads(1)
    command = ["ablate", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path), "--device", "cpu"]
    assert main([*command, *SMALL, "--rows", "ablation-1"]) == 0
    folder = tmp_path / "ablation-1" / "seed-0"
    for name in ("last.pt", "metrics.json"):
        (folder / name).unlink()
    assert main([*command, *SMALL, "--rows", "ablation-1"]) == 0
    assert "training ablation-1, seed 0" in capsys.readouterr().out
    assert len([line for line in (folder / "log.jsonl").read_text().splitlines() if "losses" in line]) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--rows", "ablation-9"], "--rows has 'ablation-9'; allowed: ablation-1"),
        (["--occluded", "nowhere"], "nowhere"),
        (["--seeds", "0"], "--seeds is 0; allowed: 1 or more"),
        (["--set", "epochs"], "--set is 'epochs'; allowed: FIELD=VALUE"),
        (["--set", "epoch=3"], "--set does not know 'epoch'"),
        (["--set", "model.feb=false"], "--set is 'model.feb=false', which is what the rows differ in"),
    ],
)
def test_bad_input_is_one_clear_line(drawn, tmp_path, capsys, more, message):
    command = ["ablate", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path / "x")]
    assert main([*command, *more]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's, on newer numpy
def test_who_is_held_out_of_training_is_calibrated_on(drawn, tmp_path, capsys):
    people = {int(crop.name[:4]) for crop in (drawn / "train").iterdir()}
    share = 0.36
    fit = ["fit", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path / "run"), "--device", "cpu"]
    small = [f"--{assignment.removeprefix('--set=')}" for assignment in SMALL]
    assert main([*fit, *small, "--model.sab=false", "--model.feb=false", f"--hold_out={share}"]) == 0
    records = [Record(drawn, person, 1) for person in people]
    kept, out = held_out(records, share)
    assert load_checkpoint(tmp_path / "run" / "last.pt").classes == len(kept) == len(people) - len(out)


def test_a_recipe_is_compared_with_changes_of_it(drawn, tmp_path, capsys):
    torch.set_num_threads(1)
    command = ["compare", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path), "--device", "cpu"]
    budget = [*SMALL, "--set=model.sab=false", "--set=model.feb=false"]
    changes = ["--change", "schedule=cosine", "milestones=5,7", "--change", "a moving average", "ema=0.9"]
    assert main([*command, *budget, *changes]) == 0
    told = capsys.readouterr().out
    assert "| schedule=cosine milestones=5,7 |" in told
    assert "paper" not in told
    assert "| a moving average |" in told
    configs = [json.loads((tmp_path / row / "seed-0" / "config.json").read_text()) for row in _schemes(tmp_path)]
    assert [(c["schedule"], c["milestones"], c["ema"]) for c in configs] == [
        ("step", [30, 70], 0.0),
        ("cosine", [5, 7], 0.0),
        ("step", [30, 70], 0.9),
    ]
    assert (tmp_path / "comparison.png").stat().st_size > 10_000


def _schemes(output):
    return [result["name"] for result in json.loads((output / "results.json").read_text())["results"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["ema"], "--change is 'ema'; allowed: FIELD=VALUE"),
        (["a name", "ema"], "--change is 'ema'; allowed: FIELD=VALUE"),
        (["emma=0"], "--change does not know 'emma'"),
        (["ema=2"], "ema is 2.0; allowed"),
        (["ema=0"], "--change ema=0 changes nothing"),
        (["average", "ema=0.9", "--change", "average", "ema=0.99"], "--change average is there twice"),
        (["unchanged", "ema=0.9"], "--change unchanged is there twice"),
        (["..", "ema=0.9"], "--change '..' is no name for a folder"),
        (["a/b", "ema=0.9", "--change", "a_b", "ema=0.99"], "--change a_b is there twice"),
        (["n" * 300, "ema=0.9"], "… is 300 letters long; give a name"),
    ],
)
def test_a_bad_change_is_one_clear_line(drawn, tmp_path, capsys, changes, message):
    command = ["compare", "--dataset", "synthetic", "--data", str(drawn), "--output", str(tmp_path / "x")]
    assert main([*command, "--change", *changes]) == 1
    assert message in capsys.readouterr().err
