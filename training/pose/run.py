"""Runs an estimator over the crops of a data set and keeps the heat maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reid_contract import PreprocessSpec, preprocess
from training.data.crops import read_crop
from training.data.records import Record
from training.pose.cache import PoseCache

_THREADS = 4
_SAVE_EVERY = 10.0  # seconds; what a crash can cost


def fill_cache(
    cache: PoseCache,
    records: Sequence[Record],
    network: nn.Module,
    spec: PreprocessSpec,
    *,
    batch_size: int,
    device: torch.device,
    on_progress: Callable[[int], None],
) -> None:
    """Estimates what the cache still lacks. Saves as it goes, and whatever ends it.

    on_progress: called with the number of images done. Raises DatasetError naming an image that cannot be read.
    """
    network = network.to(device)
    saved = monotonic()
    try:
        for batch in crops_in_batches(records[cache.info.done :], spec, batch_size):
            cache.append(network(batch.to(device)))
            on_progress(cache.info.done)
            if monotonic() - saved > _SAVE_EVERY:
                cache.save()
                saved = monotonic()
    finally:
        cache.save()


def crops_in_batches(records: Sequence[Record], spec: PreprocessSpec, batch_size: int) -> Iterator[Tensor]:
    """(B, 3, H, W) uint8 tensors, in order; the next batch is decoded while the caller uses this one."""

    def read(record: Record) -> NDArray[np.uint8]:
        return preprocess(read_crop(record.path), spec)

    batches = [records[start : start + batch_size] for start in range(0, len(records), batch_size)]
    with ThreadPoolExecutor(_THREADS) as pool:
        coming = [pool.submit(read, record) for record in batches[0]] if batches else []
        for following in (*batches[1:], ()):
            ready, coming = coming, [pool.submit(read, record) for record in following]
            pixels = np.stack([future.result() for future in ready])  # (B, H, W, 3)
            yield torch.from_numpy(pixels).permute(0, 3, 1, 2)
