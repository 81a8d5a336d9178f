from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.sampler import PKSampler

counts = st.lists(st.integers(2, 30), min_size=1, max_size=12)


@settings(deadline=None)
@given(counts=counts, images=st.integers(2, 8), seed=st.integers(0, 9), epoch=st.integers(0, 99), data=st.data())
def test_every_batch_is_p_identities_by_k_images(
    counts: list[int], images: int, seed: int, epoch: int, data: st.DataObject
) -> None:
    identities = data.draw(st.integers(1, len(counts)))
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    sampler = PKSampler(labels, identities=identities, images=images, seed=seed)
    batches = list(sampler.batches(epoch))
    assert len(batches) == len(sampler) >= 1
    for batch in batches:
        groups = labels[np.array(batch)].reshape(identities, images)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == identities
        for group in np.array(batch).reshape(identities, images):
            assert len(set(group)) == min(images, counts[labels[group[0]]])  # repeats only where there are too few
    for index, times in Counter(i for batch in batches for i in batch).items():
        assert times == 1 or counts[labels[index]] < images


@settings(deadline=None)
@given(world_size=st.sampled_from([1, 2, 4]))
def test_shares_of_all_processes_make_the_batch(world_size: int) -> None:
    sampler = PKSampler(np.repeat(np.arange(11), 9), identities=4, images=3, seed=1)
    shares = zip(*(sampler.batches(5, rank=rank, world_size=world_size) for rank in range(world_size)), strict=True)
    joined = [[i for share in batch for i in share] for batch in shares]
    assert joined == list(sampler.batches(5))


def test_seed_and_epoch_alone_decide() -> None:
    def epoch(seed: int, number: int) -> list[list[int]]:
        return list(PKSampler(np.repeat(np.arange(20), 8), identities=4, images=4, seed=seed).batches(number))

    first = epoch(1, 3)
    np.random.default_rng(0).random(5)
    assert epoch(1, 3) == first
    assert epoch(1, 4) != first
    assert epoch(2, 3) != first


def test_an_epoch_visits_nearly_every_image() -> None:
    labels = np.repeat(np.arange(50), 16)
    seen = {i for batch in PKSampler(labels, identities=5, images=4, seed=0).batches(0) for i in batch}
    assert len(seen) == len(labels)


@pytest.mark.parametrize(
    ("labels", "identities", "images", "message"),
    [
        ([0, 0, 2, 2], 1, 2, "label 1 has no image"),
        ([0, 0, 1], 1, 2, "label 1 has only one image"),
        ([0, 0, -1, -1], 1, 2, "label -1"),
        ([0, 0, 1, 1], 3, 2, "needs 3 identities; the data set has 2"),
        ([0, 0], 1, 1, "at least 1 × 2"),
        ([], 1, 2, "labels have shape"),
    ],
)
def test_bad_labels(labels: list[int], identities: int, images: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PKSampler(labels, identities=identities, images=images, seed=0)


def test_an_uneven_share_is_refused() -> None:
    sampler = PKSampler([0, 0, 1, 1, 2, 2], identities=3, images=2, seed=0)
    with pytest.raises(ValueError, match="even share of 3 identities"):
        next(sampler.batches(0, rank=0, world_size=2))
