"""Each loss against values worked out by hand, a plain transcription of its equation, and its edge cases."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.losses.consistent import consistent_loss
from training.losses.identity import identity_loss
from training.losses.multi_part_contrastive import K, multi_part_contrastive, positives
from training.losses.triplet import batch_hard_triplet
from training.losses.unit import unit
from training.pose.groups import GROUPS

LABELS = torch.tensor([0, 0, 1, 1])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def gradient(loss: Tensor, of: Tensor) -> Tensor:
    return torch.autograd.grad(loss, of)[0]


def test_identity_loss_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])  # probabilities 3/4 and 1/4
    expected = 0.95 * math.log(4 / 3) + 0.05 * math.log(4)  # smoothing 0.1 over two classes
    assert identity_loss(logits, torch.tensor([0])).item() == pytest.approx(expected)
    assert identity_loss(logits, torch.tensor([0]), label_smoothing=0).item() == pytest.approx(math.log(4 / 3))


def test_triplet_by_hand() -> None:
    features = torch.tensor([[0.0], [1.0], [1.2], [5.0]])
    # hardest positive and negative: 1 & 1.2, 1 & 0.2, 3.8 & 0.2, 3.8 & 4
    expected = [1 - 1.2 + 0.3, 1 - 0.2 + 0.3, 3.8 - 0.2 + 0.3, 3.8 - 4 + 0.3]
    assert batch_hard_triplet(features, LABELS).item() == pytest.approx(sum(expected) / 4)
    soft = [math.log1p(math.exp(x - 0.3)) for x in expected]
    assert batch_hard_triplet(features, LABELS, margin=None).item() == pytest.approx(sum(soft) / 4)


@given(seed=st.integers(0, 1000), identities=st.integers(2, 5), images=st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_triplet_by_loops(seed: int, identities: int, images: int) -> None:
    features = torch.randn(identities * images, 3, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(identities).repeat_interleave(images)
    violations = []
    for a in range(len(features)):
        distance = [(features[a] - f).norm().item() for f in features]
        positive = max(d for d, label in zip(distance, labels, strict=True) if label == labels[a])
        negative = min(d for d, label in zip(distance, labels, strict=True) if label != labels[a])
        violations.append(max(0.0, positive - negative + 0.3))
    assert batch_hard_triplet(features, labels).item() == pytest.approx(sum(violations) / len(violations), abs=1e-5)


def test_triplet_is_zero_where_identities_are_far_apart() -> None:
    features = torch.tensor([[0.0], [0.1], [9.0], [9.1]], requires_grad=True)
    loss = batch_hard_triplet(features, LABELS)
    assert loss.item() == 0
    assert gradient(loss, features).abs().sum() == 0


@pytest.mark.parametrize("margin", [0.3, None])
def test_triplet_at_collapse_is_finite(margin: float | None) -> None:
    features = torch.ones(4, 8, requires_grad=True)
    loss = batch_hard_triplet(features, LABELS, margin=margin)
    assert loss.item() == pytest.approx(0.3 if margin else math.log(2))
    assert gradient(loss, features).isfinite().all()


def test_triplet_of_one_identity_only_is_zero_and_finite() -> None:
    features = torch.randn(4, 8, requires_grad=True)
    loss = batch_hard_triplet(features, torch.zeros(4, dtype=torch.int64))
    assert loss.item() == 0
    assert gradient(loss, features).isfinite().all()


def test_eq_4_by_hand_and_its_teacher_gets_no_gradient() -> None:
    f_g = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    f_f = torch.tensor([[3.0, 0.0], [1.0, 1.0]], requires_grad=True)
    loss = consistent_loss(f_g, f_f + f_g)
    assert loss.item() == pytest.approx((9 + 2) / 2)  # the mean of ‖f_F‖²
    torch.testing.assert_close(gradient(loss, f_g), -2 * f_f.detach() / 2)
    assert torch.autograd.grad(consistent_loss(f_g, f_f + f_g), f_f, allow_unused=True) == (None,)


def test_eq_4_on_normalised_features_reaches_zero() -> None:
    f_g = torch.rand(3, 8)
    assert consistent_loss(f_g, 3 * f_g, normalised=True).item() == pytest.approx(0, abs=1e-10)
    assert consistent_loss(f_g, -f_g, normalised=True).item() == pytest.approx(4)


def test_positives_are_the_part_and_its_mirror_image() -> None:
    names = list(GROUPS)
    mirrored = {frozenset(("left " + part, "right " + part)) for part in ("lower arm", "knee", "ankle")}
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            assert bool(positives()[i, j]) == (a == b or frozenset((a, b)) in mirrored)


@pytest.mark.parametrize(("similarity", "reduction"), [("cosine", "mean"), ("dot", "sum")])
def test_eq_5_by_loops(similarity: str, reduction: str) -> None:
    f_g, f_p, temperature = torch.rand(2, K * 3), torch.rand(2, K * 3), 0.5
    losses = []
    for n in range(2):
        g, p = f_g[n].view(K, 3), f_p[n].view(K, 3)
        for i in range(K):
            exps = []
            for j in range(K):
                dot = (g[j] * p[i]).sum() / (g[j].norm() * p[i].norm() if similarity == "cosine" else 1)
                exps.append(math.exp(dot / temperature))
            positive = sum(e for j, e in enumerate(exps) if positives()[i, j])
            losses.append(-math.log(positive / sum(exps)))
    expected = sum(losses) / 2 / (K if reduction == "mean" else 1)
    actual = multi_part_contrastive(f_g, f_p, similarity=similarity, temperature=temperature, reduction=reduction)  # type: ignore[arg-type]
    assert actual.item() == pytest.approx(expected, rel=1e-5)


def test_eq_5_where_nothing_is_told_apart() -> None:
    """All groups alike: each part finds its positives by chance, 1 of 8 for head and torso, 2 of 8 for the others."""
    feature = torch.ones(3, K * 4)
    expected = (2 * math.log(8) + 6 * math.log(4)) / 8
    assert multi_part_contrastive(feature, feature).item() == pytest.approx(expected, rel=1e-5)


def test_eq_5_is_nearly_zero_where_groups_are_aligned() -> None:
    aligned = torch.eye(K).flatten()[None]
    assert multi_part_contrastive(aligned, aligned).item() < 1e-4
    swapped = torch.eye(K)[[0, 2, 1, 4, 3, 6, 5, 7]].flatten()[None]  # left for right is as good
    assert multi_part_contrastive(swapped, aligned).item() < 1e-4


def test_eq_5_teacher_gets_no_gradient() -> None:
    f_g, f_p = torch.rand(2, 16, requires_grad=True), torch.rand(2, 16, requires_grad=True)
    assert gradient(multi_part_contrastive(f_g, f_p), f_g).abs().sum() > 0
    assert torch.autograd.grad(multi_part_contrastive(f_g, f_p), f_p, allow_unused=True) == (None,)


@pytest.mark.parametrize("value", [0.0, 1e-20, 1.0])
def test_distillation_at_collapse_has_a_bounded_gradient(value: float) -> None:
    f_g = torch.full((2, 16), value, requires_grad=True)
    f_p = torch.full((2, 16), value)
    for loss in (multi_part_contrastive(f_g, f_p), consistent_loss(f_g, f_p, normalised=True)):
        assert loss.isfinite()
        assert gradient(loss, f_g).abs().max() < 1e3


def test_unit_keeps_directions() -> None:
    torch.testing.assert_close(unit(torch.tensor([[3.0, 4.0]])), torch.tensor([[0.6, 0.8]]))
