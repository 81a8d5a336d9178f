"""The deployed branch is the model's own f_G, to the last bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from export.deployed import DeployedBranch, folded
from export.source import load_source
from reid_contract import normalise
from tests.export.tiny import write_checkpoint
from training.checkpoint import load_checkpoint, save_checkpoint


@pytest.mark.parametrize("test_feature", ["after-neck", "before-neck"])
def test_it_embeds_as_the_trained_model_does(tmp_path, test_feature):
    file = write_checkpoint(tmp_path / "last.pt", test_feature=test_feature)
    source = load_source(str(file))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        ours = DeployedBranch(source.main, source.neck, source.spec)(torch.from_numpy(pixels))
        theirs = load_checkpoint(file).build_model().embed(torch.from_numpy(normalise(pixels, source.spec)))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(5), rtol=0, atol=1e-6)


def test_averaged_weights_are_exported_where_there_are_any(tmp_path):
    file = write_checkpoint(tmp_path / "last.pt")
    checkpoint = load_checkpoint(file)
    average = {name: torch.zeros_like(tensor) for name, tensor in checkpoint.weights.items()}
    save_checkpoint(file, dataclasses.replace(checkpoint, average=average))
    assert all((p == 0).all() for p in load_source(str(file)).main.parameters())


def test_a_neck_is_one_multiply_and_one_add():
    norm = torch.nn.BatchNorm1d(7)
    norm.running_mean = torch.randn(7)
    norm.running_var = torch.rand(7) + 0.1
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    scale, shift = folded(norm)
    features = torch.randn(20, 7)
    torch.testing.assert_close(features * scale + shift, norm.eval()(features).detach(), rtol=1e-5, atol=1e-5)
