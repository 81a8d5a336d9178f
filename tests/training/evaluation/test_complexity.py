"""Operations and parameters against figures known from elsewhere, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from training.__main__ import main
from training.config import ModelConfig
from training.evaluation.complexity import feature_costs, pose_net_cost, table_8_reading
from training.model.pgflkd import PGFLKD

SMALL = ModelConfig("test_resnet", weights="none")
SIZE = (64, 32)
ROOT = Path(__file__).parents[3]


def test_the_pose_net_has_the_parameters_its_authors_publish():
    cost = pose_net_cost((384, 128))
    assert cost.parameters == 63.595745
    assert cost.gmacs == pytest.approx(15.7, abs=0.1)


def test_with_what_the_paper_counted_the_main_branch_has_the_papers_figures():
    cost = table_8_reading()
    assert cost.gmacs == pytest.approx(8.98, rel=0.005)
    assert cost.parameters == pytest.approx(39.89, rel=0.001)


def test_the_deployed_feature_costs_the_backbone_and_a_scale_per_channel():
    model = PGFLKD(SMALL, classes=9)
    backbone = sum(weight.numel() for weight in model.main.parameters())
    costs = feature_costs(SMALL, SIZE, classes=9)
    assert costs["g"].parameters == pytest.approx((backbone + 2 * model.main.width) / 1e6)
    assert feature_costs(SMALL, SIZE, classes=700) == costs  # classifiers are thrown away


def test_operations_of_convolutions_are_counted_by_hand():
    macs = 0

    def note(module: nn.Conv2d, _inputs: object, output: torch.Tensor) -> None:
        nonlocal macs
        macs += output.numel() * module.weight[0].numel()

    model = PGFLKD(SMALL, classes=9).eval()
    for module in model.main.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    model.main(torch.zeros(1, 3, *SIZE))
    assert macs > 1e6
    assert feature_costs(SMALL, SIZE, classes=9)["g"].gmacs == pytest.approx(macs / 1e9)


def test_every_other_feature_pays_for_the_pose_net():
    costs, pose = feature_costs(SMALL, SIZE, classes=9), pose_net_cost(SIZE)
    assert set(costs) == set("gepvf")
    for feature in "epvf":
        assert costs[feature].gmacs > costs["g"].gmacs + pose.gmacs
        assert costs[feature].parameters >= costs["g"].parameters + pose.parameters - 0.01
    assert costs["v"].parameters > costs["e"].parameters  # the SAB has weights of its own, the FEB has none
    baseline = ModelConfig("test_resnet", weights="none", feb=False, sab=False)
    assert set(feature_costs(baseline, SIZE, classes=9)) == {"g"}


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    file = tmp_path / "new" / "x.json"
    arguments = ["complexity", "--backbone", "test_resnet", "--height", "64", "--width", "32", "--json", str(file)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "| f_G, deployed |" in printed
    assert "the paper" not in printed  # its figures are of another network
    body = json.loads(file.read_text())
    assert body["features"]["v"]["gmacs"] > body["features"]["g"]["gmacs"]
    assert body["table_8_reading"] is None


def test_a_stage_of_their_own_is_as_large_as_the_one_it_stands_in_for():
    shared, apart = (
        feature_costs(replace(SMALL, separate_part_stage=separate), SIZE, classes=9) for separate in (False, True)
    )
    for feature in "pf":
        assert apart[feature].parameters == pytest.approx(shared[feature].parameters)
    for feature in "ev":
        assert apart[feature].parameters > shared[feature].parameters


def test_a_preset_keeps_its_stage_for_the_teachers(capsys):
    small = ["complexity", "--preset", "compact", "--backbone", "test_resnet", "--height", "64", "--width", "32"]
    printed = [main([*small, *more]) or capsys.readouterr().out for more in ([], ["--separate-part-stage"])]
    assert printed[0] == printed[1]


def test_bad_input_is_one_clear_line(capsys):
    assert main(["complexity", "--height", "100"]) == 1
    assert capsys.readouterr().err == "error: --height is 100; allowed: multiples of 32, as the pose net needs them\n"
    assert main(["complexity", "--backbone", "no_such_net"]) == 1
    assert "timm knows no model 'no_such_net'" in capsys.readouterr().err


def test_the_documentation_gives_the_figures_of_the_committed_result():
    result = json.loads((ROOT / "benchmarks" / "evaluation" / "complexity.json").read_text())
    documented = (ROOT / "docs" / "evaluation.md").read_text()
    for feature, cost in result["features"].items():
        row = next(line for line in documented.splitlines() if line.startswith(f"| f_{feature.upper()}, "))
        assert f"| {cost['gmacs']:.2f} | {cost['parameters']:.2f} |" in row
    reading = result["table_8_reading"]
    assert f"{reading['gmacs']:.2f} G and {reading['parameters']:.2f} M" in documented
