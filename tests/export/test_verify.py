"""Verification finds what it is there to find."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from export.complexity import multiply_accumulates, parameters
from export.deployed import DeployedBranch
from export.graph import trace
from export.half import largest_activation
from export.session import Session
from export.source import load_source
from export.verify import (
    VerificationFailed,
    check_parity,
    check_stripped,
    parity,
    reference_embeddings,
)
from reid_contract import PreprocessSpec
from training.model.main_branch import MainBranch

SPEC = PreprocessSpec(16, 8)


class OneConvolution(nn.Module):
    num_features = 6

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images).relu()


@pytest.fixture
def model():
    return DeployedBranch(MainBranch(OneConvolution()), None, SPEC)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (20, 16, 8, 3), dtype=np.uint8)


def session(proto: onnx.ModelProto) -> Session:
    return Session(proto.SerializeToString(), threads=1)


def test_a_right_file_passes(model, pixels):
    found = parity(session(trace(model, 16, 8)), "service", pixels, reference_embeddings(model, pixels))
    assert [p.batch for p in found] == [1, 3, 16, 64]
    check_parity(found, "fp32")


def test_a_file_of_other_preprocessing_does_not(model, pixels):
    other = DeployedBranch(model.main, None, PreprocessSpec(16, 8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    found = parity(session(trace(other, 16, 8)), "service", pixels, reference_embeddings(model, pixels))
    with pytest.raises(VerificationFailed, match="batch 1: worst cosine"):
        check_parity(found, "fp32")


def test_numbers_that_are_none_do_not(model, pixels):
    expected = reference_embeddings(model, pixels)
    with torch.no_grad():
        model.main.backbone.conv.weight.fill_(float("nan"))
    with pytest.raises(VerificationFailed, match="lengths from nan"):
        parity(session(trace(model, 16, 8)), "service", pixels, expected)


def test_a_width_that_differs_does_not(model, pixels):
    with pytest.raises(VerificationFailed, match=r"needed: float32 \(1, 7\)"):
        parity(session(trace(model, 16, 8)), "service", pixels, np.ones((20, 7), np.float32))


def test_a_tensor_of_another_part_is_found(model):
    proto = trace(model, 16, 8)
    check_stripped(proto, model)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((8, 96), np.float32), "sab.projection.weight"))
    with pytest.raises(VerificationFailed, match=r"sab\.projection\.weight"):
        check_stripped(proto, model)


def test_more_numbers_than_the_branch_has_are_found_whatever_their_name(model):
    proto = trace(model, 16, 8)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((8, 96), np.float32), "val_4"))
    with pytest.raises(VerificationFailed, match=r"the graph holds 930 numbers; the deployed branch has 16\d"):
        check_stripped(proto, model)


@pytest.mark.parametrize("name", ["test_convnext", "test_nfnet", "resnetv2_18"])
def test_networks_whose_weights_the_exporter_renames_are_deployed_too(name):
    source = load_source(f"timm:{name}", size=(64, 32), weights="none")
    branch = DeployedBranch(source.main, source.neck, source.spec)
    proto = trace(branch, 64, 32)
    check_stripped(proto, branch)
    assert multiply_accumulates(proto) > 0


def test_complexity_is_counted_as_one_counts_by_hand(model):
    assert parameters(model) == 6 * 3 * 3 * 3
    assert multiply_accumulates(trace(model, 16, 8)) == 16 * 8 * 6 * 3 * 3 * 3


def test_the_largest_activation_is_that_of_the_network(model, pixels):
    before = largest_activation(model, pixels)
    with torch.no_grad():
        model.main.backbone.conv.weight *= 1000
    assert largest_activation(model, pixels) == pytest.approx(1000 * before, rel=1e-5)
