"""P×K batches for the batch-hard triplet loss [11]: P identities, K images of each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


class PKSampler:
    """Batches of `identities` × `images` indices, drawn from (seed, epoch) and nothing else.

    1. Each identity's images are shuffled and cut into groups of `images`.
    2. The groups of all identities are dealt out to the batches, identities in random order, so that no batch has two
       groups of one identity.
    3. The batches are shuffled.

    Corner cases: an identity with fewer images than `images` repeats some; with a remainder, another part of its
    images is left out each epoch; an identity has at most one group a batch, so what a few very large identities
    have beyond that is left out too. The number of batches is the same in every epoch.
    """

    def __init__(self, labels: Tensor | ArrayLike, *, identities: int, images: int, seed: int) -> None:
        """labels: (N,) class labels 0 to C-1, on any device. Raises ValueError: a label without images (a hole), a
        label with only one, fewer labels than `identities`, or a size below 1 identity × 2 images."""
        self.identities = identities
        self.images = images
        self.seed = seed
        self._indices_of = _indices_by_label(torch.as_tensor(labels, dtype=torch.int64).cpu().numpy())
        if identities < 1 or images < 2:
            raise ValueError(f"a batch of {identities} identities × {images} images; allowed: at least 1 × 2")
        if len(self._indices_of) < identities:
            raise ValueError(f"a batch needs {identities} identities; the data set has {len(self._indices_of)}")
        self._groups = np.array([max(1, len(indices) // images) for indices in self._indices_of])
        self._length = _most_batches(self._groups, identities)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self._length

    def batches(self, epoch: int, *, rank: int = 0, world_size: int = 1) -> Iterator[list[int]]:
        """The epoch's batches. With several processes each gets its share of every batch, whole identities.

        Yields len(self) lists of identities/world_size × images indices, images of an identity side by side. Raises
        ValueError where `identities` cannot be shared out evenly.
        """
        if self.identities % world_size or not 0 <= rank < world_size:
            raise ValueError(
                f"rank {rank} of {world_size} processes cannot have an even share of {self.identities} identities; "
                "choose a multiple of the number of processes"
            )
        share = self.identities // world_size
        for batch in self._epoch(epoch):
            yield batch[rank * share : (rank + 1) * share].reshape(-1).tolist()

    def _epoch(self, epoch: int) -> NDArray[np.int64]:
        """(batches, identities, images) indices."""
        rng = np.random.default_rng((self.seed, epoch))
        cells = self._length * self.identities
        groups = [group for label in rng.permutation(len(self._indices_of)) for group in self._cut(int(label), rng)]
        # An identity's groups stand in consecutive cells, at most one for each batch, and cell i goes to batch
        # i mod B: they land in different batches.
        dealt = np.stack(groups[:cells]).reshape(self.identities, self._length, self.images).swapaxes(0, 1)
        return dealt[rng.permutation(self._length)]

    def _cut(self, label: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(groups, images): a shuffled identity in groups, at most one for each batch."""
        indices = rng.permutation(self._indices_of[label])
        count = min(int(self._groups[label]), self._length)
        return np.resize(indices, (count, self.images))  # repeats from the start where there are too few


def _indices_by_label(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    if labels.ndim != 1 or not labels.size:
        raise ValueError(f"labels have shape {labels.shape}; needed: (N,) with N above 0")
    if labels.min() < 0:
        raise ValueError(f"there is a label {labels.min()}; allowed: 0 to C-1")
    counts = np.bincount(labels)
    for count, what in ((0, "no image (a hole: labels must be 0 to C-1)"), (1, "only one image (two are a positive)")):
        if (found := np.flatnonzero(counts == count)).size:
            raise ValueError(f"label {found[0]} has {what}" + (f", and {found.size - 1} more" * (found.size > 1)))
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])


def _most_batches(groups: NDArray[np.int64], identities: int) -> int:
    """The largest B such that B batches of different identities can be filled, an identity once in each."""
    batches = int(groups.sum()) // identities
    while np.minimum(groups, batches).sum() < batches * identities:
        batches -= 1
    return batches
