from __future__ import annotations

import pytest
import torch

from training.pose.groups import GROUPS, KEYPOINTS, MIRRORED, merge_keypoints


def test_every_key_point_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(KEYPOINTS)
    assert len(GROUPS) == 8


def test_sum_and_max_against_a_loop() -> None:
    heatmaps = torch.rand(3, 17, 4, 2, generator=torch.Generator().manual_seed(0))
    for how, combine in (("sum", torch.sum), ("max", torch.amax)):
        merged = merge_keypoints(heatmaps, how)  # type: ignore[arg-type]
        assert merged.shape == (3, 8, 4, 2)
        for k, names in enumerate(GROUPS.values()):
            members = torch.stack([heatmaps[:, KEYPOINTS.index(name)] for name in names])
            torch.testing.assert_close(merged[:, k], combine(members, dim=0))


def test_mirrored_names() -> None:
    assert KEYPOINTS[MIRRORED[KEYPOINTS.index("left ankle")]] == "right ankle"
    assert KEYPOINTS[MIRRORED[KEYPOINTS.index("nose")]] == "nose"


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"\(1, 8, 4, 4\); needed: \(N, 17"):
        merge_keypoints(torch.zeros(1, 8, 4, 4))
    with pytest.raises(ValueError, match="'mean'"):
        merge_keypoints(torch.zeros(1, 17, 4, 4), "mean")  # type: ignore[arg-type]
