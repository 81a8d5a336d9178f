"""k-reciprocal re-ranking, Zhong et al. 2017 (arXiv:1701.08398), without a matrix over all pairs of crops.

Its sets of neighbours are rows of sparse matrices, so that intersections and unions of all of them at once are matrix
products; dense scores exist for one block of queries at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.evaluation.metrics import BLOCK, EvaluationError, l2_normalised

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RerankConfig:
    """k1: neighbours that must be mutual. k2: neighbours a crop's code is averaged over; 1 averages nothing.
    original_weight: share of the original distance in the final one, 0 to 1. Defaults are those of the authors."""

    k1: int = 20
    k2: int = 6
    original_weight: float = 0.3

    def __post_init__(self) -> None:
        for name in ("k1", "k2"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: 1 or more")
        if not 0 <= self.original_weight <= 1:
            raise ValueError(f"original_weight is {self.original_weight}; allowed: 0 to 1")


class _Neighbours(NamedTuple):
    """order: (N, k) int64, each crop's nearest first. furthest: (N,) its largest distance to any crop."""

    order: NDArray[np.int64]
    furthest: FloatArray


def rerank_blocks(
    query: FloatArray, gallery: FloatArray, config: RerankConfig | None = None, *, block: int = BLOCK
) -> Iterator[FloatArray]:
    """Yields scores (up to `block`, G) of consecutive queries: the negated final distance, higher is more alike.

    query: (Q, D), gallery: (G, D) float. Raises EvaluationError as `cosine_blocks` does.
    """
    config = config or RerankConfig()
    query, gallery = l2_normalised(query, "query"), l2_normalised(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise EvaluationError(f"query features have {query.shape[1]} dimensions, gallery features {gallery.shape[1]}")
    crops = np.concatenate([query, gallery])
    neighbours = _nearest(crops, max(config.k1 + 1, config.k2), block)
    codes = _codes(crops, neighbours, config)
    of_queries, of_gallery = codes[: len(query)], codes[len(query) :].tocsc()

    def scores(start: int) -> FloatArray:
        part = slice(start, min(start + block, len(query)))
        original = _distances(query[part], gallery) / neighbours.furthest[part, None]
        jaccard = np.stack([_jaccard_distance(of_queries[[i]], of_gallery) for i in range(part.start, part.stop)])
        final = (1 - config.original_weight) * jaccard + config.original_weight * original
        return -final.astype(np.float32)

    return map(scores, range(0, len(query), block))


def _nearest(crops: FloatArray, count: int, block: int) -> _Neighbours:
    """The `count` nearest crops of every crop, itself among them, and how far the furthest one is."""
    count = min(count, len(crops))
    order = np.empty((len(crops), count), np.int64)
    furthest = np.empty(len(crops), np.float32)
    for start in range(0, len(crops), block):
        distances = _distances(crops[start : start + block], crops)
        part = slice(start, start + len(distances))
        nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
        by_distance = np.argsort(np.take_along_axis(distances, nearest, axis=1), axis=1, kind="stable")
        order[part] = np.take_along_axis(nearest, by_distance, axis=1)
        furthest[part] = distances.max(axis=1)
    return _Neighbours(order, np.maximum(furthest, np.finfo(np.float32).tiny))


def _codes(crops: FloatArray, neighbours: _Neighbours, config: RerankConfig) -> sparse.csr_array:
    """(N, N) sparse: each crop's code, Gaussian weights over its expanded k-reciprocal neighbours, rows summing to 1.

    Eqs. 2 to 4 and 7 of the paper, and its local query expansion, Eq. 11.
    """
    mutual = _mutual(neighbours.order, config.k1 + 1)
    close = _mutual(neighbours.order, int(np.around(config.k1 / 2)) + 1)
    shared = (mutual @ close).multiply(mutual).tocoo()  # |R(i) ∩ R_½(q)| for each q in R(i); `close` is symmetric
    sizes = close.sum(axis=1)
    enough = shared.data > 2 / 3 * sizes[shared.col]
    accepted = sparse.csr_array(
        (np.ones(enough.sum(), np.float32), (shared.row[enough], shared.col[enough])), shape=mutual.shape
    )
    expanded = (mutual + accepted @ close).tocoo()
    weights = np.exp(-_pair_distances(crops, expanded.row, expanded.col) / neighbours.furthest[expanded.row])
    codes = sparse.csr_array((weights, (expanded.row, expanded.col)), shape=mutual.shape)
    codes = sparse.diags_array(1 / codes.sum(axis=1)) @ codes
    if config.k2 == 1:
        return codes.tocsr()
    k2 = min(config.k2, neighbours.order.shape[1])
    return ((_membership(neighbours.order, k2) / np.float32(k2)) @ codes).tocsr()


def _mutual(order: NDArray[np.int64], k: int) -> sparse.csr_array:
    """(N, N) sparse 0/1, symmetric: crops that are among each other's k nearest."""
    members = _membership(order, k)
    return members.multiply(members.T).tocsr()


def _membership(order: NDArray[np.int64], k: int) -> sparse.csr_array:
    """(N, N) sparse 0/1: row i marks the k nearest crops of i."""
    nearest = order[:, :k]
    n, k = nearest.shape
    return sparse.csr_array((np.ones(n * k, np.float32), nearest.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def _jaccard_distance(code: sparse.csr_array, gallery: sparse.csc_array) -> FloatArray:
    """(1, N) code of a query, (G, N) codes of the gallery by column -> (G,) distances in [0, 1], Eq. 10.

    Only gallery crops that share a neighbour with the query are touched.
    """
    columns = gallery[:, code.indices]
    weights = np.repeat(code.data, np.diff(columns.indptr))
    overlap = np.bincount(columns.indices, np.minimum(columns.data, weights), minlength=gallery.shape[0])
    return np.asarray(1 - overlap / (2 - overlap), np.float32)


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared Euclidean distances between rows of length 1."""
    return np.asarray(np.maximum(2 - 2 * (a @ b.T), 0), np.float32)


def _pair_distances(crops: FloatArray, rows: NDArray[np.int32], columns: NDArray[np.int32]) -> FloatArray:
    """Squared Euclidean distance of each pair, some thousand pairs at a time."""
    step = 8192
    parts = [
        np.einsum("nd,nd->n", crops[rows[i : i + step]], crops[columns[i : i + step]])
        for i in range(0, len(rows), step)
    ]
    return np.asarray(np.maximum(2 - 2 * np.concatenate(parts), 0), np.float32)
