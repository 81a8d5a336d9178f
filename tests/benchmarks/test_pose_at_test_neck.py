"""The networks with random weights that are timed: their embeddings must differ as those of trained ones do."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.pose_at_test.crops import drawn_jpegs, pixels
from benchmarks.pose_at_test.onnx_files import neck
from export.deployed import DeployedBranch
from export.source import load_source

SIZE = (64, 32)


def test_behind_the_neck_embeddings_of_different_people_are_not_alike() -> None:
    crops = pixels(drawn_jpegs(6), SIZE)
    source = load_source("timm:tf_efficientnet_lite0", size=SIZE, weights="none")
    mean_cosine = {}
    for norm in (None, neck(source, crops)):
        with torch.no_grad():
            rows = DeployedBranch(source.main, norm, source.spec)(torch.from_numpy(crops)).numpy()
        mean_cosine[norm is None] = float((rows @ rows.T)[~np.eye(len(rows), dtype=bool)].mean())
    assert mean_cosine[True] > 0.9
    assert abs(mean_cosine[False] + 1 / (len(crops) - 1)) < 0.1  # of centred rows they are -1/(N - 1)
