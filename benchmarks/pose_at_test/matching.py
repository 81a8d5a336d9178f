"""How each rival compares a query with the gallery. All in numpy on the same threads, best ten returned.

A gallery is filled with random features of the method's shape: their speed does not depend on what is in them. Large
galleries are held in part, and swept again and again until all entries are done.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
TOP = 10
RIDGE = 1e-3
HELD_BYTES = 512 * 2**20  # far more than a cache holds


class Matcher(Protocol):
    """bytes_per_entry: of one gallery crop's features."""

    bytes_per_entry: int

    def search(self, *query: Array) -> object:
        """The features of one query as the graph gives them, (1, …) each. Returns the ten best."""
        ...


class CosineMatcher:
    """One vector a crop, scanned: PCB's and HOReID's. A product of a matrix with a vector."""

    def __init__(self, entries: int, dim: int, seed: int = 0) -> None:
        self.entries, self.bytes_per_entry = entries, 4 * dim
        held = min(entries, HELD_BYTES // self.bytes_per_entry)
        self.gallery = unit(np.random.default_rng(seed).standard_normal((held, dim), dtype=np.float32))

    def search(self, *query: Array) -> NDArray[np.intp]:
        sweeps = swept(self.entries, len(self.gallery))
        return best(np.concatenate([self.gallery[:count] @ query[0][0] for count in sweeps]))


class VisiblePartsMatcher:
    """PGFA, Sec. 3.4, and PVPM, Sec. 3.4: cosines part by part, averaged by how visible both are.

    dim: of one part. always: the first so many parts count as seen in every crop, as PGFA's global feature does.
    """

    def __init__(self, entries: int, parts: int, dim: int, *, always: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.entries, self.always = entries, always
        self.bytes_per_entry = 4 * (parts * dim + parts - always)
        held = min(entries, HELD_BYTES // self.bytes_per_entry)
        self.gallery = unit(rng.standard_normal((parts, held, dim), dtype=np.float32))
        self.visible = np.ones((parts, held), np.float32)
        self.visible[always:] = rng.random((parts - always, held), dtype=np.float32)

    def search(self, *query: Array) -> NDArray[np.intp]:
        parts = query[0][0]  # (parts, dim)
        visible = np.ones(len(parts), np.float32)
        if len(query) > 1:
            visible[self.always :] = query[1][0]
        sweeps = swept(self.entries, self.gallery.shape[1])
        return best(np.concatenate([self._scores(parts, visible, count) for count in sweeps]))

    def _scores(self, parts: Array, visible: Array, count: int) -> Array:
        shared = self.visible[:, :count] * visible[:, None]  # (parts, G)
        cosines = np.stack([gallery[:count] @ part for gallery, part in zip(self.gallery, parts, strict=True)])
        return (cosines * shared).sum(axis=0) / shared.sum(axis=0)  # type: ignore[no-any-return]


class ReconstructionMatcher:
    """DSR, Eq. 2–4: the query's blocks X as combinations of each gallery crop's blocks Y, with a ridge.

    min_W ‖X − WY‖² + β‖W‖² has W = X Yᵀ (Y Yᵀ + βI)⁻¹; the inverses are computed at enrolment, and all products with
    the query are one. The mean residual of the query's blocks is the distance.
    """

    def __init__(self, entries: int, blocks: int, dim: int, *, held: int = 256, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.entries = entries
        self.gallery = unit(rng.standard_normal((min(held, entries), blocks, dim), dtype=np.float32))
        gram = self.gallery @ self.gallery.transpose(0, 2, 1) + RIDGE * np.eye(blocks, dtype=np.float32)
        self.inverse = np.linalg.inv(gram)  # (held, M, M)
        self.bytes_per_entry = self.gallery[0].nbytes + self.inverse[0].nbytes

    def search(self, *query: Array) -> NDArray[np.intp]:
        blocks = query[0][0]
        return best(-np.concatenate([self._residuals(blocks, n) for n in swept(self.entries, len(self.gallery))]))

    def _residuals(self, blocks: Array, count: int) -> Array:
        """blocks: (Mq, c). Mean squared residual of the query's blocks for the first held gallery crops, (count,)."""
        gallery, inverse = self.gallery[:count], self.inverse[:count]
        products = gallery.reshape(-1, gallery.shape[2]) @ blocks.T  # Y Xᵀ
        products = products.reshape(count, -1, len(blocks))  # (G, M, Mq)
        weights = inverse @ products  # (G, M, Mq): Wᵀ
        # ‖x − wY‖² = ‖x‖² − 2 w·(Yx) + w (YYᵀ) wᵀ, and (YYᵀ) wᵀ = Yx − β wᵀ
        squared = 1 - (weights * products).sum(axis=1) - RIDGE * (weights * weights).sum(axis=1)  # (G, Mq)
        return squared.mean(axis=1)  # type: ignore[no-any-return]


def swept(entries: int, held: int) -> Iterator[int]:
    """How many of the held crops to take, sweep by sweep, until `entries` are done."""
    return (min(held, entries - done) for done in range(0, entries, held))


def unit(features: Array) -> Array:
    """The same vectors with length 1, in place."""
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    return features


def best(scores: Array) -> NDArray[np.intp]:
    """Positions of the ten highest scores, best first."""
    top = np.argpartition(-scores, TOP)[:TOP]
    return top[np.argsort(-scores[top])]
