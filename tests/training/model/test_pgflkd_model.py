"""The network of Sec. 3: its equations against plain transcriptions, its switches, its shapes."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from training.backbone import UnsupportedBackbone, create_backbone, parse_weights
from training.config import ModelConfig
from training.model.body_parts import part_attention, pool_parts
from training.model.foreground_branch import attentive_pool, foreground_attention, foreground_query
from training.model.pgflkd import PGFLKD
from training.model.semantics_branch import K, SemanticsAlignedBranch, fuse
from training.model.stages import run, split_last_stage
from training.pose.groups import KEYPOINTS, merge_keypoints

SMALL = ModelConfig(backbone="test_resnet", weights="none")
N, CLASSES = 4, 5


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def images() -> Tensor:
    return torch.rand(N, 3, 64, 32)


def heatmaps() -> Tensor:
    return torch.rand(N, 17, 16, 8)


def test_eq_1_by_loops() -> None:
    feature_map, attention = torch.rand(2, 16, 3, 2), torch.rand(2, K, 3, 2)
    pooled = pool_parts(feature_map, attention, "sum")
    for n in range(2):
        for k in range(K):
            expected = sum(feature_map[n, :, i, j] * attention[n, k, i, j] for i in range(3) for j in range(2))
            torch.testing.assert_close(pooled[n, k], expected)
    torch.testing.assert_close(pool_parts(feature_map, attention, "mean") * 6, pooled)


def test_part_attention_is_a_distribution_that_peaks_at_the_key_point() -> None:
    maps = torch.zeros(1, 17, 16, 8)
    maps[0, KEYPOINTS.index("left knee"), 10:12, 4:6] = 1
    attention = part_attention(maps, (8, 4), merge="sum", scale=10)
    assert attention.shape == (1, K, 8, 4)
    torch.testing.assert_close(attention.sum((2, 3)), torch.ones(1, K))
    assert attention[0, 3].argmax() == 5 * 4 + 2
    torch.testing.assert_close(attention[0, 4], torch.full((8, 4), 1 / 32))  # the right knee is not seen: no opinion


def test_a_narrow_response_between_two_cells_is_not_lost_in_resizing() -> None:
    maps = torch.zeros(1, 17, 64, 32)
    maps[0, KEYPOINTS.index("nose"), 16, 8] = 1
    peak = part_attention(maps, (16, 8), merge="sum", scale=100)[0, 0].max()
    assert peak > 2 / 128


@pytest.mark.parametrize(("scale", "merge"), [(0.0, "sum"), (5.0, "max")])
def test_attention_options(scale: float, merge: str) -> None:
    maps = heatmaps()
    expected = (scale * merge_keypoints(maps, merge)).flatten(2).softmax(2).view(N, K, 16, 8)  # type: ignore[arg-type]
    torch.testing.assert_close(part_attention(maps, (16, 8), merge=merge, scale=scale), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["cosine", "dot"])
def test_eq_2_and_3_by_loops(kind: str) -> None:
    feature_map, query = torch.rand(1, 8, 2, 2), torch.rand(1, 8)
    attention = foreground_attention(feature_map, query, kind=kind, temperature=0.5)  # type: ignore[arg-type]
    scores = []
    for i in range(2):
        for j in range(2):
            f, q = feature_map[0, :, i, j], query[0]
            dot = (f * q).sum()
            scores.append(torch.exp(dot / f.norm() / q.norm() / 0.5 if kind == "cosine" else dot))
    expected = torch.stack(scores).view(2, 2) / sum(scores)
    torch.testing.assert_close(attention[0], expected)
    pooled = sum(expected[i, j] * feature_map[0, :, i, j] for i in range(2) for j in range(2))
    torch.testing.assert_close(attentive_pool(feature_map, attention)[0], pooled)


def test_foreground_query_is_the_mean_of_the_parts() -> None:
    parts = torch.rand(2, K, 16)
    torch.testing.assert_close(foreground_query(parts), sum(parts[:, k] for k in range(K)) / K)


def test_semantics_branch_keeps_each_part_in_its_channel_group() -> None:
    branch = SemanticsAlignedBranch(32)
    parts = torch.rand(6, K, 32)
    before = branch(parts)
    parts[:, 3] += torch.rand(6, 32)
    changed = (branch(parts) != before).any(dim=0).view(K, 4).any(dim=1)
    assert changed.tolist() == [k == 3 for k in range(K)]
    assert branch.projection.numel() == 32 * 32  # K · c/K · c, "as the formula says"


def test_interaction_gives_both_branches_the_same_gradient() -> None:
    """Eq. 8 and 9."""
    f_g, f_p = torch.rand(3, 8, requires_grad=True), torch.rand(3, 8, requires_grad=True)
    (fuse(f_g, f_p) ** 3).sum().backward()
    assert f_g.grad is not None
    assert torch.equal(f_g.grad, f_p.grad)  # type: ignore[arg-type]


def test_output_has_the_stated_shapes() -> None:
    model = PGFLKD(SMALL, CLASSES)
    output = model(images(), heatmaps())
    assert output.enhanced is not None
    assert output.fused is not None
    for supervised in (output.main, output.enhanced, output.fused):
        assert supervised.feature.shape == supervised.after_neck.shape == (N, 96)
        assert supervised.logits.shape == (N, CLASSES)
    assert output.parts is not None
    torch.testing.assert_close(output.fused.feature, output.main.feature + output.parts)


def test_switches_of_table_6() -> None:
    baseline = PGFLKD(replace(SMALL, feb=False, sab=False), CLASSES)
    output = baseline(images())
    assert (output.enhanced, output.fused, output.parts) == (None, None, None)
    model_2 = PGFLKD(replace(SMALL, feb=False, interaction=False), CLASSES)
    output = model_2(images(), heatmaps())
    assert output.enhanced is None
    assert output.fused.feature is output.parts  # Model-2: the ReID loss is on f_P


def test_the_main_branch_never_sees_pose() -> None:
    model = PGFLKD(SMALL, CLASSES).eval()
    crops = images()
    torch.testing.assert_close(model(crops, heatmaps()).main.feature, model(crops, heatmaps()).main.feature)
    torch.testing.assert_close(model.main(crops), model(crops, heatmaps()).main.feature)


@pytest.mark.parametrize("feature", ["g", "e", "p", "v", "f"])
def test_embed_gives_each_feature_of_table_8(feature: str) -> None:
    model = PGFLKD(SMALL, CLASSES).eval()
    embedded = model.embed(images(), heatmaps(), feature)  # type: ignore[arg-type]
    assert embedded.shape == (N, 96)
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(N))


def test_embed_before_the_neck() -> None:
    model = PGFLKD(replace(SMALL, test_feature="before-neck"), CLASSES).eval()
    crops = images()
    torch.testing.assert_close(model.embed(crops), torch.nn.functional.normalize(model.main(crops), dim=1))


def test_pose_is_asked_for_where_it_is_needed() -> None:
    model = PGFLKD(SMALL, CLASSES).eval()
    with pytest.raises(ValueError, match="need heat maps"):
        model(images())
    with pytest.raises(ValueError, match="4 images and 3 heat maps"):
        model(images(), heatmaps()[:3])
    with pytest.raises(ValueError, match="allowed: g, e, p, v, f"):
        model.embed(images(), heatmaps(), "x")
    baseline = PGFLKD(replace(SMALL, feb=False, sab=False), CLASSES).eval()
    with pytest.raises(ValueError, match="without the branch that gives f_E"):
        baseline.embed(images(), heatmaps(), "e")


@pytest.mark.parametrize("name", ["test_resnet", "tf_efficientnet_lite0"])
def test_the_two_pieces_of_a_backbone_are_its_forward_pass(name: str) -> None:
    backbone = create_backbone(name, "none").eval()
    shared_layers, last_stage = split_last_stage(backbone)
    crops = images()
    shared = run(shared_layers, crops)
    torch.testing.assert_close(run(last_stage, shared), backbone(crops))
    assert shared.shape[2:] == (4, 2)  # stride 16: the last stage begins here


def test_separate_part_stage_has_weights_of_its_own() -> None:
    model = PGFLKD(replace(SMALL, separate_part_stage=True), CLASSES)
    (copied,) = model.part_stage  # type: ignore[misc]
    first = copied[0].bn2.weight
    assert torch.equal(first, model.main.backbone.layer4[0].bn2.weight)  # type: ignore[union-attr,index]
    output = model(images(), heatmaps())
    assert torch.autograd.grad(output.main.feature.sum(), first, allow_unused=True, retain_graph=True) == (None,)
    assert torch.autograd.grad(output.fused.feature.sum(), first)[0].abs().sum() > 0
    assert copy.deepcopy(model).part_stage is not model.part_stage


@pytest.mark.parametrize("name", ["resnet18", "test_resnet", "test_efficientnet", "test_convnext"])
def test_last_stride_doubles_the_feature_map(name: str) -> None:
    """ResNet, ResNet-D with its pooled shortcut, EfficientNet, and a stage that starts with a strided convolution."""
    crops = torch.rand(1, 3, 128, 64)
    assert create_backbone(name, "none", last_stride=2)(crops).shape[2:] == (4, 2)
    assert create_backbone(name, "none").eval()(crops).shape[2:] in ((8, 4), (7, 3))  # an even kernel without padding


def test_unsuitable_backbones_are_named() -> None:
    with pytest.raises(UnsupportedBackbone, match="VGG"):
        split_last_stage(timm.create_model("vgg11", num_classes=0, global_pool=""))
    with pytest.raises(ValueError, match="width is 30; allowed: a multiple of K = 8"):
        SemanticsAlignedBranch(30)
    with pytest.raises(FileNotFoundError, match="'imgnet'; allowed: imagenet, none"):
        parse_weights("imgnet")


def test_weights_from_a_file(tmp_path: Path) -> None:
    source = create_backbone("test_resnet", "none")
    torch.nn.init.normal_(source.bn1.weight)
    torch.save(source.state_dict(), tmp_path / "trained.pth")
    model = PGFLKD(replace(SMALL, weights=str(tmp_path / "trained.pth")), CLASSES)
    assert torch.equal(model.main.backbone.bn1.weight, source.bn1.weight)  # type: ignore[union-attr]


@pytest.mark.parametrize("separate", [False, True])
def test_the_main_branch_sees_one_view_and_its_teachers_another(separate: bool) -> None:
    model = PGFLKD(replace(SMALL, separate_part_stage=separate), CLASSES).eval()
    hidden, whole, maps = images(), images(), heatmaps()
    two, of_hidden, of_whole = model(hidden, maps, whole), model(hidden, maps), model(whole, maps)
    torch.testing.assert_close(two.main, of_hidden.main)
    torch.testing.assert_close(
        (two.enhanced, two.fused, two.parts), (of_whole.enhanced, of_whole.fused, of_whole.parts)
    )


def test_a_last_stage_of_the_teachers_own_sees_their_view_alone() -> None:
    model = PGFLKD(replace(SMALL, separate_part_stage=True), CLASSES)
    seen: list[int] = []
    model.part_stage.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))  # type: ignore[union-attr]
    model(images(), heatmaps(), images())
    assert seen == [len(images())]


def test_two_views_that_do_not_belong_together() -> None:
    model = PGFLKD(SMALL, CLASSES)
    with pytest.raises(ValueError, match=r"images are \(4, 3, 64, 32\), unhidden \(3, 3, 64, 32\); needed: the same"):
        model(images(), heatmaps(), images()[:3])
    with pytest.raises(ValueError, match="4 images and 3 heat maps"):
        model(images(), heatmaps()[:3], images())
