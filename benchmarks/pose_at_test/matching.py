"""How each method compares a query with the gallery. All in numpy on the same threads, best ten returned.

A gallery is filled with random features of the method's shape: speed does not depend on what is in them.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
TOP = 10
RIDGE = 1e-3


class Matcher(Protocol):
    """bytes_per_entry: what one gallery crop takes in memory."""

    bytes_per_entry: int

    def search(self, *query: Array) -> NDArray[np.intp]:
        """The features of one query as the graph gives them, (1, …) each. Returns ten positions, best first."""
        ...


class CosineMatcher:
    """One vector a crop: ours and PCB's. A product of a matrix with a vector."""

    def __init__(self, entries: int, dim: int, seed: int = 0) -> None:
        self.gallery = unit(np.random.default_rng(seed).standard_normal((entries, dim), dtype=np.float32))
        self.bytes_per_entry = self.gallery[0].nbytes

    def search(self, *query: Array) -> NDArray[np.intp]:
        return best(self.gallery @ query[0][0])


class SharedPartsMatcher:
    """PGFA, Sec. 3.4: similarities (1 + cosine) / 2 of the global feature and of the parts seen in both, averaged.

    Without pose every part counts as seen.
    """

    def __init__(self, entries: int, parts: int = 3, dim: int = 256, *, pose: bool, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.gallery = unit(rng.standard_normal((entries, dim), dtype=np.float32))
        self.parts = unit(rng.standard_normal((entries, parts, dim), dtype=np.float32))
        self.visible = (rng.random((entries, parts)) < 0.8 if pose else np.ones((entries, parts))).astype(np.float32)
        self.bytes_per_entry = self.gallery[0].nbytes + self.parts[0].nbytes + (parts if pose else 0)

    def search(self, *query: Array) -> NDArray[np.intp]:
        whole, parts = query[0][0], query[1][0]
        visible = query[2][0] if len(query) > 2 else np.ones(len(parts), np.float32)
        shared = self.visible * visible  # (G, parts)
        of_parts = (1 + np.einsum("gpd,pd->gp", self.parts, parts, optimize=True)) / 2
        of_whole = (1 + self.gallery @ whole) / 2
        return best(((of_parts * shared).sum(axis=1) + of_whole) / (shared.sum(axis=1) + 1))


class ReconstructionMatcher:
    """DSR, Eq. 2–4: the query's blocks X as combinations of each gallery crop's blocks Y, with a ridge.

    min_W ‖X − WY‖² + β‖W‖² has W = X Yᵀ (Y Yᵀ + βI)⁻¹; the inverses are computed at enrolment. The mean residual of the
    query's blocks is the distance. `distinct` crops are held and swept again and again until `entries` are done: 17,661
    crops of 101 blocks would take 14.6 GB.
    """

    def __init__(self, entries: int, blocks: int, dim: int, *, distinct: int = 256, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.entries, self.distinct = entries, min(distinct, entries)
        self.gallery = unit(rng.standard_normal((self.distinct, blocks, dim), dtype=np.float32))
        gram = self.gallery @ self.gallery.transpose(0, 2, 1) + RIDGE * np.eye(blocks, dtype=np.float32)
        self.inverse = np.linalg.inv(gram)  # (distinct, M, M)
        self.bytes_per_entry = self.gallery[0].nbytes + self.inverse[0].nbytes

    def search(self, *query: Array) -> NDArray[np.intp]:
        blocks = query[0][0]
        sweeps = range(0, self.entries, self.distinct)
        return best(-np.concatenate([self._residuals(blocks, self.entries - start) for start in sweeps]))

    def _residuals(self, blocks: Array, most: int) -> Array:
        """blocks: (Mq, c). Mean squared residual of the query's blocks for each held gallery crop, (distinct,)."""
        gallery, inverse = self.gallery[:most], self.inverse[:most]
        products = gallery @ blocks.T  # (G, M, Mq): Y Xᵀ
        weights = inverse @ products  # (G, M, Mq): Wᵀ
        # ‖x − wY‖² = ‖x‖² − 2 w·(Yx) + w (YYᵀ) wᵀ, and (YYᵀ) wᵀ = Yx − β wᵀ
        squared = 1 - (weights * products).sum(axis=1) - RIDGE * (weights * weights).sum(axis=1)  # (G, Mq)
        return squared.mean(axis=1)  # type: ignore[no-any-return]


def unit(features: Array) -> Array:
    """The same vectors with length 1."""
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


def best(scores: Array) -> NDArray[np.intp]:
    """Positions of the ten highest scores, best first."""
    top = np.argpartition(-scores, TOP)[:TOP]
    return top[np.argsort(-scores[top])]
