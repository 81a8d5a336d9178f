"""Eq. 10: which terms are there, what they weigh, and who learns from whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from training.config import LossConfig, ModelConfig
from training.losses.overall import LossParts, OverallLoss
from training.model.pgflkd import PGFLKD
from training.presets import TABLE_6, preset

REID = {"id/G", "triplet/G"}
E, V = {"id/E", "triplet/E"}, {"id/V", "triplet/V"}
TERMS = {
    "ablation-1": REID,
    "ablation-2": REID | V,
    "ablation-3": REID | V,
    "ablation-4": REID | V | {"contrastive"},
    "ablation-5": REID | V | {"contrastive"} | E,
    "ablation-6": REID | V | {"contrastive"} | E | {"consistent"},
    "table-7": REID | V | {"consistent-SAB"} | E | {"consistent"},
}
SMALL = ModelConfig(backbone="test_resnet", weights="none")
LABELS = torch.tensor([0, 0, 1, 1])


def model_of(config: ModelConfig) -> PGFLKD:
    torch.manual_seed(0)
    return PGFLKD(replace(config, backbone="test_resnet", weights="none"), classes=5)


def loss_of(model: PGFLKD, config: LossConfig, **options: float) -> LossParts:
    output = model(torch.rand(4, 3, 64, 32), torch.rand(4, 17, 16, 8) if model.config.needs_pose else None)
    return OverallLoss(config)(output, LABELS, **options)


@pytest.mark.parametrize("name", [*TABLE_6, "table-7"])
def test_terms_of_each_scheme(name: str) -> None:
    config = preset(name)
    parts = loss_of(model_of(config.model), config.loss)
    assert set(parts.terms) == TERMS[name]
    weighted = sum(parts.weights[term] * value for term, value in parts.terms.items())
    torch.testing.assert_close(parts.total, weighted)


def test_weights_of_eq_10() -> None:
    parts = loss_of(model_of(SMALL), LossConfig())
    assert parts.weights["consistent"] == parts.weights["contrastive"] == 0.25
    assert {parts.weights[name] for name in REID | E | V} == {1.0}


def test_branches_are_weighted_and_warmed_up_and_the_main_branch_is_not() -> None:
    parts = loss_of(model_of(SMALL), LossConfig(branch_weight=0.5), branches=0.2)
    assert parts.weights["id/G"] == 1
    assert parts.weights["triplet/E"] == parts.weights["id/V"] == pytest.approx(0.1)
    assert parts.weights["contrastive"] == pytest.approx(0.05)


@pytest.mark.parametrize(("term", "teacher"), [("consistent", "foreground"), ("contrastive", "parts")])
def test_distillation_trains_the_main_branch_only(term: str, teacher: str) -> None:
    """Sec. 3.2 and 3.3: the teacher is detached. With a stage of its own, the teacher's weights get nothing."""
    model = model_of(replace(SMALL, separate_part_stage=True))
    loss = loss_of(model, LossConfig()).terms[term]
    own = list(model.part_stage.parameters())  # type: ignore[union-attr]
    if teacher == "parts":
        own += list(model.sab.parameters())  # type: ignore[union-attr]
    assert all(g is None for g in torch.autograd.grad(loss, own, allow_unused=True, retain_graph=True))
    (students,) = torch.autograd.grad(loss, [model.main.backbone.layer4[0].bn2.weight])  # type: ignore[union-attr,index]
    assert students.abs().sum() > 0


def test_normalised_triplets_do_not_depend_on_the_feature_s_length() -> None:
    model = model_of(SMALL).eval()
    images, maps = torch.rand(4, 3, 64, 32), torch.rand(4, 17, 16, 8)
    output = model(images, maps)
    longer = output._replace(main=output.main._replace(feature=7 * output.main.feature))
    on_unit = OverallLoss(LossConfig(triplet_on="normalised"))
    torch.testing.assert_close(on_unit(output, LABELS).terms["triplet/G"], on_unit(longer, LABELS).terms["triplet/G"])


def test_triplets_are_mined_in_what_is_gathered() -> None:
    features, labels = torch.rand(4, 96), torch.tensor([2, 2, 3, 3])

    def gather(rows: Tensor) -> Tensor:
        return torch.cat([rows, labels if rows.ndim == 1 else features])

    model = model_of(preset("ablation-1").model).eval()
    output = model(torch.rand(4, 3, 64, 32))
    alone = OverallLoss(LossConfig())(output, LABELS).terms
    together = OverallLoss(LossConfig(), gather)(output, LABELS).terms
    assert together["id/G"] == alone["id/G"]
    assert together["triplet/G"] != alone["triplet/G"]
