"""The most that can be had: the ONNX Runtime session alone, fed by a decode pool that works one batch ahead."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reid_contract import decode, preprocess
from service.encoder import OnnxEncoder
from service.providers import ProviderName

Pixels = NDArray[np.uint8]


class Bare:
    """A model without a service around it. threads: of the session, and of the decode pool. provider: what runs it."""

    def __init__(self, model: Path, *, threads: int, batch: int, provider: ProviderName = "cpu") -> None:
        self._encode = OnnxEncoder(model, providers=(provider,), threads=threads, max_batch=batch)
        self._encode.warm_up()
        self._threads = threads
        self._batch = batch

    def crops_per_second(self, crops: Sequence[bytes], seconds: float) -> float:
        """Decoding, resizing and inference of the same crops again and again; decoding overlaps with inference."""
        done, start = 0, time.perf_counter()
        with ThreadPoolExecutor(self._threads) as pool:
            ahead = pool.map(self._pixels, next(batches := self._batches(crops)))
            while time.perf_counter() - start < seconds:
                images = np.stack(list(ahead))
                ahead = pool.map(self._pixels, next(batches))
                self._encode(images)
                done += len(images)
        return done / (time.perf_counter() - start)

    def one(self, crop: bytes) -> float:
        """Seconds from one encoded crop to its embedding."""
        start = time.perf_counter()
        self._encode(self._pixels(crop)[None])
        return time.perf_counter() - start

    def _pixels(self, crop: bytes) -> Pixels:
        return preprocess(decode(crop), self._encode.preprocess)

    def _batches(self, crops: Sequence[bytes]) -> Iterator[list[bytes]]:
        at = 0
        while True:
            yield [crops[(at + i) % len(crops)] for i in range(self._batch)]
            at += self._batch
