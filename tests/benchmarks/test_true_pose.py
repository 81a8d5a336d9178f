"""A pose cache from true key points peaks where the person's body is, and knows nothing of what is hidden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.people import true_pose
from benchmarks.people.true_teachers import TruePose
from training.data.datasets import load_dataset
from training.data.synthetic import draw_dataset, read_manifest
from training.pose.cache import PoseCache


def test_seen_key_points_are_peaks_and_hidden_ones_are_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, poses = tmp_path / "drawn", tmp_path / "poses"
    draw_dataset(drawn, 6, 3, 4, 3, height=128, width=64)
    monkeypatch.setattr("sys.argv", ["true_pose", str(drawn), str(poses)])
    assert true_pose.main() == 0
    records = load_dataset("synthetic", drawn).train
    heatmaps = PoseCache.open(poses, records).read(range(len(records))).numpy()
    rows = {Path(row["path"]).name: row for row in read_manifest(drawn) if row["split"] == "train"}
    hidden = 0
    for record, maps in zip(records, heatmaps, strict=True):
        row = rows[record.path.name]
        for point, visibility, peak in zip(row["keypoints"], row["visibility"], maps, strict=True):
            if visibility == true_pose.SEEN:
                found = np.array(np.unravel_index(peak.argmax(), peak.shape))[::-1] * true_pose.STRIDE
                assert np.abs(found + true_pose.STRIDE / 2 - point).max() <= true_pose.STRIDE / 2 + 0.02
            else:
                hidden += 1
                assert not peak.any()
    assert hidden


def test_the_estimator_that_is_never_wrong_tells_of_the_crops_in_their_order() -> None:
    pose = TruePose(torch.full((17, 2, 1), float(number)) for number in range(5))
    batches = [pose(torch.zeros(size, 3, 8, 4)) for size in (2, 2, 1)]
    assert torch.cat(batches)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
