"""From encoded crops to embeddings: decode in a pool, inference in its own thread, so that they overlap."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_contract import BadImage, decode, preprocess
from service.batcher import Batcher, Call, Job
from service.encoder import Encoder
from service.errors import BadCrop, DeadlineExceeded, ServiceError
from service.metrics import Metrics
from service.tracing import stages

Crop = bytes | bytearray | memoryview

_DECODE_TOGETHER = 4
_PROBE_S = 5.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """rows: (N, D) float32, row i belongs to crop i; NaN where crop i failed. failures: by crop, in order.

    thumbnails: small JPEGs, by crop, where they were asked for."""

    rows: NDArray[np.float32]
    failures: tuple[BadCrop, ...]
    thumbnails: dict[int, bytes]

    @property
    def good(self) -> list[int]:
        """The crops that have an embedding."""
        bad = {failure.index for failure in self.failures}
        return [i for i in range(len(self.rows)) if i not in bad]


@dataclass(frozen=True, slots=True)
class Demand:
    """What one request wants of its crops. deadline: time.monotonic() after which nobody waits for the answer.

    skip_bad: a crop that is no image leaves the others alone. thumbnail_side: pixels of the longer side, or none."""

    deadline: float
    skip_bad: bool = False
    thumbnail_side: int | None = None


class Pipeline:
    """Decode pool and inference thread. Admission is the caller's: crops that come here have a place."""

    def __init__(self, encoder: Encoder, batcher: Batcher, *, decoders: int, max_pixels: int, metrics: Metrics) -> None:
        self.encoder = encoder
        self.batcher = batcher
        self._max_pixels = max_pixels
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(decoders, thread_name_prefix="decode")

    async def embed(self, crops: Sequence[Crop], demand: Demand) -> Embedded:
        """Raises BadCrop, DeadlineExceeded, InferenceFailed, ShuttingDown. Cancelling it gives the crops up."""
        call, thumbnails = self._call(len(crops), demand), dict[int, bytes]()
        for start in range(0, len(crops), _DECODE_TOGETHER):
            part = crops[start : start + _DECODE_TOGETHER]
            self._pool.submit(self._decode, call, part, start, demand, thumbnails)
        await _done(call)
        return Embedded(call.rows, tuple(call.failures[i] for i in sorted(call.failures)), thumbnails)

    async def embed_pixels(self, pixels: NDArray[np.uint8], demand: Demand) -> NDArray[np.float32]:
        """pixels: (N, H, W, 3) uint8, at the model's size already. Returns (N, D) float32."""
        call, now = self._call(len(pixels), demand), time.monotonic()
        self.batcher.put([Job(call, i, image, now) for i, image in enumerate(pixels)])
        await _done(call)
        return call.rows

    async def probe(self) -> str | None:
        """Runs one empty crop through the model: what is wrong with it, or None."""
        spec = self.encoder.preprocess
        pixels = np.zeros((1, spec.height, spec.width, 3), np.uint8)
        try:
            async with asyncio.timeout(_PROBE_S):
                await self.embed_pixels(pixels, Demand(time.monotonic() + _PROBE_S))
        except TimeoutError:
            return f"the model did not embed a probe within {_PROBE_S:g} s"
        except ServiceError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Ends both stages; whoever still waits gets ShuttingDown."""
        self._pool.shutdown(wait=True, cancel_futures=False)
        self.batcher.close()

    def _call(self, crops: int, demand: Demand) -> Call:
        rows = np.full((crops, self.encoder.embedding.dim), np.nan, np.float32)
        return Call(asyncio.get_running_loop().create_future(), demand.deadline, rows, crops, stages=stages())

    def _decode(
        self,
        call: Call,
        crops: Sequence[Crop],
        start: int,
        demand: Demand,
        thumbnails: dict[int, bytes],
    ) -> None:
        """Runs in the pool; whatever happens, every crop is either queued for inference or settled."""
        post = call.done.get_loop().call_soon_threadsafe
        jobs = []
        for index, crop in enumerate(crops, start):
            if call.over:
                return
            if time.monotonic() > demand.deadline:
                post(call.fail, DeadlineExceeded("the deadline passed before the crops were decoded"))
                return
            started = time.monotonic()
            try:
                image = decode(crop, max_pixels=self._max_pixels)
                pixels = preprocess(image, self.encoder.preprocess)
                if demand.thumbnail_side:
                    thumbnails[index] = thumbnail(image, demand.thumbnail_side)
            except BadImage as error:
                post(call.skip if demand.skip_bad else call.fail, BadCrop(index, str(error)))
            except Exception as error:
                post(call.fail, error)
            else:
                now = time.monotonic()
                self._metrics.decode_seconds.observe(now - started)
                call.note("decode", started, now)
                jobs.append(Job(call, index, pixels, now))
        self.batcher.put(jobs)


async def _done(call: Call) -> None:
    try:
        await call.done
    finally:
        if call.stages is not None:
            call.stages.report()


def thumbnail(image: Image.Image, side: int) -> bytes:
    """A JPEG whose longer side is at most `side` pixels; the image is left as it is."""
    small, buffer = image.copy(), io.BytesIO()
    small.info.clear()  # Pillow would write the crop's comment
    small.thumbnail((side, side))
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
