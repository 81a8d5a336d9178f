"""One query, from JPEG bytes to the ten best gallery crops, method by method. Every graph runs in ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.pose_at_test.matching import Array, Matcher
from reid_contract import PreprocessSpec, decode, preprocess

STAGES = ("preprocess", "pose", "embed", "match")
Pixels = NDArray[np.uint8]
_T = TypeVar("_T")


@dataclass
class Pipeline:
    """size: (height, width) of the network's input. embed: a session from pixels, and heat maps where there is a pose
    net, to features. macs: multiply-accumulates of the graphs for one query. paper: seconds per query in Table 9.
    precision: of the re-ID graph; pose nets are fp32. visible: of the heat maps, where matching wants to know it.
    family: method without its pose net, for the plot's colour."""

    name: str
    family: str
    size: tuple[int, int]
    embed: ort.InferenceSession
    matcher: Matcher
    macs: float
    precision: str = "fp32"
    pose: ort.InferenceSession | None = None
    visible: Callable[[Array], Array] | None = None
    paper: float | None = None
    _spec: PreprocessSpec = field(init=False)

    def __post_init__(self) -> None:
        self._spec = PreprocessSpec(*self.size)

    def query(self, jpeg: bytes) -> object:
        """The whole, as a caller would run it."""
        pixels = self._pixels(jpeg)
        return self.matcher.search(*self._features(pixels, self._heatmaps(pixels)))

    def stages(self, jpeg: bytes) -> dict[str, float]:
        """Seconds that each part of the same query takes."""
        seconds: dict[str, float] = {}
        pixels = _timed(seconds, "preprocess", lambda: self._pixels(jpeg))
        heatmaps = _timed(seconds, "pose", lambda: self._heatmaps(pixels))
        features = _timed(seconds, "embed", lambda: self._features(pixels, heatmaps))
        _timed(seconds, "match", lambda: self.matcher.search(*features))
        return seconds

    def _pixels(self, jpeg: bytes) -> Pixels:
        return preprocess(decode(jpeg), self._spec)[None]

    def _heatmaps(self, pixels: Pixels) -> Array | None:
        return None if self.pose is None else self.pose.run(None, {"pixels": pixels})[0]

    def _features(self, pixels: Pixels, heatmaps: Array | None) -> list[Array]:
        inputs = [pixels] if heatmaps is None else [pixels, heatmaps]
        names = [node.name for node in self.embed.get_inputs()]
        features: list[Array] = self.embed.run(None, dict(zip(names, inputs, strict=True)))
        return features if heatmaps is None or self.visible is None else [*features, self.visible(heatmaps)]


def visible_parts(heatmaps: Array, parts: int = 3, threshold: float = 0.2) -> Array:
    """PGFA, Sec. 3.3: a horizontal part is visible if a key point of confidence 0.2 or more lies in it.

    heatmaps: (1, 17, h, w) -> (1, parts) of 0 and 1.
    """
    rows = heatmaps[0].max(axis=2)  # (17, h)
    part = rows.argmax(axis=1) * parts // rows.shape[1]
    seen = np.zeros((1, parts), np.float32)
    seen[0, part[rows.max(axis=1) >= threshold]] = 1
    return seen


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], _T]) -> _T:
    start = time.perf_counter()
    result = work()
    seconds[stage] = time.perf_counter() - start
    return result
