"""Whatever a client has done to the pixels, the backbone gets the same numbers."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from export.clients import as_client_sends
from export.deployed import DeployedBranch
from export.flavours import CONVENTIONS
from reid_contract import Flavour, PreprocessSpec, normalise
from training.model.main_branch import MainBranch

FLAVOURS = get_args(Flavour)
fractions = st.floats(0.05, 0.95)
triples = st.tuples(fractions, fractions, fractions)


class Nothing(nn.Module):
    """A backbone that gives back its input."""

    num_features = 3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


@given(
    flavour=st.sampled_from(FLAVOURS),
    spec=st.builds(
        PreprocessSpec,
        height=st.just(8),
        width=st.just(4),
        mean=triples,
        std=triples,
        colour_order=st.sampled_from(["rgb", "bgr"]),
        value_range=st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]),
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_backbone_sees_what_the_contract_says(flavour, spec, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (2, 8, 4, 3), dtype=np.uint8)
    model = DeployedBranch(MainBranch(Nothing()), None, spec, CONVENTIONS[flavour])
    seen = model.standardise(torch.from_numpy(as_client_sends(flavour, pixels))).numpy()
    wanted = normalise(pixels, spec)
    np.testing.assert_allclose(seen, wanted, rtol=0, atol=2e-5 * max(1, np.abs(wanted).max()))


def test_a_client_that_does_everything_leaves_no_arithmetic():
    assert not DeployedBranch(MainBranch(Nothing()), None, PreprocessSpec(8, 4), CONVENTIONS["boxmot"]).arithmetic


@pytest.mark.parametrize("flavour", [f for f in FLAVOURS if f != "boxmot"])
def test_other_clients_leave_some(flavour):
    assert DeployedBranch(MainBranch(Nothing()), None, PreprocessSpec(8, 4), CONVENTIONS[flavour]).arithmetic
