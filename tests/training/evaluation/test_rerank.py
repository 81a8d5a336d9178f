"""Sparse re-ranking against the paper written out plainly, with its matrices over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.metrics import EvaluationError, Labels, cosine_blocks, query_results
from training.evaluation.rerank import RerankConfig, rerank_blocks


def plain_rerank(query, gallery, config: RerankConfig):
    """Zhong et al. 2017, Sec. 3, set by set."""
    crops = np.concatenate([query, gallery])
    n = len(crops)
    original = np.maximum(2 - 2 * crops @ crops.T, 0)
    original = original / original.max(axis=1, keepdims=True)
    order = np.argsort(original, axis=1, kind="stable")

    def mutual(i, k):
        return {int(j) for j in order[i, : k + 1] if i in order[j, : k + 1]}

    codes = np.zeros((n, n))
    for i in range(n):
        members = mutual(i, config.k1)
        expanded = set(members)
        for candidate in members:
            near = mutual(candidate, int(np.around(config.k1 / 2)))
            if len(near & members) > 2 / 3 * len(near):
                expanded |= near
        for j in expanded:
            codes[i, j] = np.exp(-original[i, j])
        codes[i] /= codes[i].sum()
    if config.k2 > 1:
        codes = np.stack([codes[order[i, : config.k2]].mean(axis=0) for i in range(n)])
    jaccard = np.empty((len(query), len(gallery)))
    for i in range(len(query)):
        for j in range(len(gallery)):
            overlap = np.minimum(codes[i], codes[len(query) + j]).sum()
            jaccard[i, j] = 1 - overlap / (2 - overlap)
    distances = original[: len(query), len(query) :]
    return -((1 - config.original_weight) * jaccard + config.original_weight * distances)


def clustered(seed: int, people: int, each: int, dim: int = 8, spread: float = 0.5):
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(people), each)
    crops = rng.normal(size=(people, dim))[ids] + spread * rng.normal(size=(len(ids), dim))
    crops = (crops / np.linalg.norm(crops, axis=1, keepdims=True)).astype(np.float32)
    first = np.arange(len(ids)) % each == 0
    return crops[first], crops[~first], ids[first], ids[~first]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.integers(2, 6),
    st.builds(RerankConfig, st.integers(1, 12), st.integers(1, 6), st.sampled_from([0.0, 0.3, 1.0])),
    st.integers(1, 20),
)
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_paper_written_out(seed, people, each, config, block):
    query, gallery, *_ = clustered(seed, people, each)
    actual = np.concatenate(list(rerank_blocks(query, gallery, config, block=block)))
    np.testing.assert_allclose(actual, plain_rerank(query, gallery, config), atol=2e-5)


def test_improves_clusters_whose_members_lie_far_from_each_other():
    query, gallery, query_ids, gallery_ids = clustered(3, people=30, each=12, dim=32, spread=1.1)
    labels = Labels(query_ids, np.zeros(30, int)), Labels(gallery_ids, np.ones(30 * 11, int))
    plain = query_results(cosine_blocks(query, gallery), *labels).metrics()
    better = query_results(rerank_blocks(query, gallery, RerankConfig(k1=10, k2=3)), *labels).metrics()
    assert better.mAP > plain.mAP + 5


def test_the_original_distance_alone_ranks_as_the_cosine_does():
    query, gallery, query_ids, gallery_ids = clustered(5, people=10, each=5)
    labels = Labels(query_ids, np.zeros(10, int)), Labels(gallery_ids, np.ones(40, int))
    plain = query_results(cosine_blocks(query, gallery), *labels).metrics()
    same = query_results(rerank_blocks(query, gallery, RerankConfig(original_weight=1.0)), *labels).metrics()
    assert same == plain


def test_bad_input_is_named():
    ones = np.ones((2, 3), np.float32)
    with pytest.raises(EvaluationError, match="3 dimensions, gallery features 4"):
        rerank_blocks(ones, np.ones((2, 4), np.float32))
    with pytest.raises(ValueError, match="k1 is 0; allowed: 1 or more"):
        RerankConfig(k1=0)
    with pytest.raises(ValueError, match=r"original_weight is 1\.5"):
        RerankConfig(original_weight=1.5)
