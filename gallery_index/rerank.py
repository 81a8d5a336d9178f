"""k-reciprocal re-ranking (Zhong et al., CVPR 2017, arXiv:1701.08398) of one query's top candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gallery_index.scan import Scores
from gallery_index.types import Embedding

K1, K2, LAMBDA = 20, 6, 0.3  # the paper's


def rerank(scores: Scores, candidates: Embedding) -> NDArray[np.intp]:
    """The new order of the candidates. scores (M,): the query's cosines, candidates (M, D) of length 1.

    The query's own row of distances is taken from `scores`, so a track fused from several crops works as well.
    """
    distance = _distances(scores, candidates)  # (M + 1, M + 1), the query is row 0
    ranking = np.argsort(distance, axis=1, kind="stable")
    weights = _encode(distance, ranking)
    if K2 > 1:
        weights = weights[ranking[:, :K2]].mean(axis=1)  # local query expansion
    final = (1 - LAMBDA) * _jaccard(weights) + LAMBDA * distance[0, 1:]
    return np.argsort(final, kind="stable")


def _distances(scores: Scores, candidates: Embedding) -> NDArray[np.float32]:
    """Squared Euclidean distances, each row scaled by its largest as in the authors' code."""
    size = len(scores) + 1
    cosines = np.ones((size, size), np.float32)
    cosines[1:, 1:] = candidates @ candidates.T
    cosines[0, 1:] = cosines[1:, 0] = scores
    distance = np.maximum(2 - 2 * cosines, 0)
    np.fill_diagonal(distance, 0)
    scaled: NDArray[np.float32] = distance / np.maximum(distance.max(axis=1, keepdims=True), 1e-12)
    return scaled


def _encode(distance: NDArray[np.float32], ranking: NDArray[np.intp]) -> NDArray[np.float32]:
    """Each row's k-reciprocal neighbours, widened by those of its close neighbours (Eq. 5), weighted (Eq. 7)."""
    near = _reciprocal(ranking, K1)
    half = _reciprocal(ranking, K1 // 2)
    weights = np.zeros_like(distance)
    for i, neighbours in enumerate(near):
        widened = neighbours.copy()
        for j in np.flatnonzero(neighbours):
            if (half[j] & neighbours).sum() > 2 / 3 * half[j].sum():
                widened |= half[j]
        closeness = np.exp(-distance[i]) * widened
        weights[i] = closeness / closeness.sum()
    return weights


def _reciprocal(ranking: NDArray[np.intp], k: int) -> NDArray[np.bool_]:
    """[i, j]: i and j are among each other's k + 1 nearest (each is its own nearest)."""
    near = np.zeros(ranking.shape, bool)
    np.put_along_axis(near, ranking[:, : k + 1], values=True, axis=1)
    return near & near.T


def _jaccard(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of row 0 to the others (Eq. 10)."""
    overlap: NDArray[np.float32] = np.minimum(weights[0], weights[1:]).sum(axis=1)
    return np.asarray(1 - overlap / (2 - overlap))
