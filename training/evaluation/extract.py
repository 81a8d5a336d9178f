"""From records to embeddings: decoding and resizing as the service does it, a few batches ahead of the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from reid_contract import PreprocessSpec, preprocess
from training.data.crops import read_crop
from training.data.records import Record
from training.evaluation.metrics import EvaluationError, l2_normalised

Pixels = NDArray[np.uint8]
Embed = Callable[[Pixels], NDArray[np.float32]]
_BATCHES_AHEAD = 3


def extract(
    embed: Embed,
    records: Sequence[Record],
    spec: PreprocessSpec,
    *,
    batch_size: int = 32,
    threads: int | None = None,
    progress: str | None = None,
) -> NDArray[np.float32]:
    """Embeds every crop: (N, D) float32, each row of length 1, in the order of `records`.

    embed: RGB pixels (B, H, W, 3) uint8, resized by `spec`, to features (B, D). B is `batch_size` but for the last.
    threads: that decode, one for each core where None. progress: what the progress bar says; None shows none.
    Raises DatasetError for an unreadable image, EvaluationError for an empty split or features that are not finite.
    """
    if not records:
        raise EvaluationError("there are no crops to embed: the split is empty")
    batches = crops(records, spec, batch_size=batch_size, threads=threads)
    total = -(-len(records) // batch_size)
    shown = track(batches, progress or "", total=total, disable=progress is None)
    features = np.concatenate([_rows(embed, pixels) for pixels in shown])
    return l2_normalised(features, "extracted")


def crops(
    records: Sequence[Record], spec: PreprocessSpec, *, batch_size: int = 32, threads: int | None = None
) -> Iterator[Pixels]:
    """Yields RGB pixels (B, H, W, 3) uint8, decoded and resized; only a few batches are ever in memory."""
    starts = iter(range(0, len(records), batch_size))
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:

        def submit(start: int) -> list[Future[Pixels]]:
            return [pool.submit(_load, record, spec) for record in records[start : start + batch_size]]

        waiting = [submit(start) for start in islice(starts, _BATCHES_AHEAD)]
        while waiting:
            batch = waiting.pop(0)
            waiting.extend(submit(start) for start in islice(starts, 1))
            yield np.stack([future.result() for future in batch])


def _load(record: Record, spec: PreprocessSpec) -> Pixels:
    return preprocess(read_crop(record.path), spec)


def _rows(embed: Embed, pixels: Pixels) -> NDArray[np.float32]:
    features = np.asarray(embed(pixels))
    if features.ndim != 2 or len(features) != len(pixels):
        raise EvaluationError(f"the model gave {features.shape} for {len(pixels)} crops; needed: ({len(pixels)}, D)")
    return features
