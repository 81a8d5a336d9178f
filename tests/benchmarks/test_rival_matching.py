"""The rivals of benchmarks/pose_at_test compute what their papers say, and the shapes that are timed are theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.pose_at_test.gallery import OurGallery
from benchmarks.pose_at_test.graphs import PCB, WIDTH, PGFAWithoutPose, SpatialBlocks
from benchmarks.pose_at_test.guided import PGFA, PVPM, HOReID, pooled_by
from benchmarks.pose_at_test.matching import (
    RIDGE,
    CosineMatcher,
    ReconstructionMatcher,
    VisiblePartsMatcher,
    swept,
    unit,
)
from benchmarks.pose_at_test.pipelines import visible_parts


class Backbone(nn.Module):
    """(N, 3, H, W) -> (N, 2048, H/s, W/s) of fixed noise."""

    def __init__(self, stride: int = 16) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, images: Tensor) -> Tensor:
        torch.manual_seed(0)
        return torch.rand(len(images), WIDTH, images.shape[2] // self.stride, images.shape[3] // self.stride)


IMAGES, HEATMAPS = torch.zeros(2, 3, 384, 128), torch.rand(2, 17, 96, 32)


@pytest.mark.parametrize(
    ("network", "inputs", "shapes"),
    [
        (PCB(Backbone()), (IMAGES,), [(2, 12288)]),
        (PGFAWithoutPose(Backbone()), (IMAGES,), [(2, 4, 256)]),
        (PGFA(Backbone()), (IMAGES, HEATMAPS), [(2, 4, 256)]),
        (PVPM(Backbone()), (IMAGES, HEATMAPS), [(2, 6, 2048), (2, 6)]),
        (HOReID(Backbone()), (IMAGES, HEATMAPS), [(2, 14 * 2048)]),
        (SpatialBlocks(Backbone(32), (1, 2, 3)), (IMAGES,), [(2, 101, 2048)]),
        (SpatialBlocks(Backbone(32), (1, 2, 3, 4)), (IMAGES,), [(2, 110, 2048)]),
    ],
    ids=["PCB", "PGFA w/o pose", "PGFA", "PVPM", "HOReID", "DSR", "SFR"],
)
def test_features_have_the_papers_shapes(
    network: nn.Module, inputs: tuple[Tensor, ...], shapes: list[tuple[int, ...]]
) -> None:
    with torch.inference_mode():
        outputs = network.eval()(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert [tuple(output.shape) for output in outputs] == shapes
    lengths = outputs[0].norm(dim=-1)
    torch.testing.assert_close(lengths, (lengths > 0).float())  # a part of PVPM's that no cell belongs to has none
    assert lengths.any()


def test_a_map_pools_where_it_is() -> None:
    feature_map = torch.rand(1, 5, 4, 2)
    one_cell = torch.zeros(1, 1, 4, 2)
    one_cell[0, 0, 3, 1] = 8  # the area
    torch.testing.assert_close(pooled_by(one_cell, feature_map)[0, 0], feature_map[0, :, 3, 1])


def test_visible_parts_of_a_crop_without_legs() -> None:
    heatmaps = np.zeros((1, 17, 96, 32), np.float32)
    heatmaps[0, 0, 10, 16] = heatmaps[0, 5, 40, 10] = 0.9
    heatmaps[0, 16, 90, 16] = 0.1
    assert visible_parts(heatmaps).tolist() == [[1, 1, 0]]


def test_reconstruction_is_the_ridge_regression_of_the_paper() -> None:
    matcher = ReconstructionMatcher(3, blocks=4, dim=16)
    query = unit(np.random.default_rng(1).standard_normal((1, 4, 16), dtype=np.float32))
    expected = []
    for gallery in matcher.gallery.astype(np.float64):
        weights = query[0] @ gallery.T @ np.linalg.inv(gallery @ gallery.T + RIDGE * np.eye(4))
        expected.append(np.mean(((query[0] - weights @ gallery) ** 2).sum(axis=1)))
    np.testing.assert_allclose(matcher._residuals(query[0], 3), expected, rtol=1e-3)


def test_a_crop_reconstructs_itself_best() -> None:
    matcher = ReconstructionMatcher(40, blocks=4, dim=16)
    assert matcher.search(matcher.gallery[7:8])[0] == 7


def test_parts_that_one_crop_hides_do_not_count() -> None:
    matcher = VisiblePartsMatcher(20, 3, 8, always=1)
    matcher.visible[1:] = 0
    matcher.gallery[1:, 5] = -matcher.gallery[1:, 5]
    query = np.ascontiguousarray(matcher.gallery[None, :, 5])
    query[0, 1:] *= -1  # the hidden parts of entry 5 are the opposite of the query's
    assert matcher.search(query, np.ones((1, 2), np.float32))[0] == 5


def test_a_swept_gallery_has_all_its_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.pose_at_test.matching.HELD_BYTES", 7 * 4 * 8)
    matcher = CosineMatcher(30, 8)
    assert list(swept(matcher.entries, len(matcher.gallery))) == [7, 7, 7, 7, 2]
    found = matcher.search(matcher.gallery[3:4])
    assert set(found[:4].tolist()) == {3, 10, 17, 24}  # the same crop in each full sweep


def test_our_gallery_holds_the_querys_person() -> None:
    query = unit(np.random.default_rng(1).standard_normal((2, 64), dtype=np.float32))
    gallery = OurGallery(200, query)
    (matches,) = gallery.search(query[1:])
    gallery.close()
    assert {match.sighting.person_id for match in matches} == {"p1"}
