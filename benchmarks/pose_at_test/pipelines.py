"""One query, from JPEG bytes to the ten best gallery crops, method by method. Every graph runs in ONNX Runtime."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.pose_at_test.matching import Matcher
from reid_contract import PreprocessSpec, decode, preprocess

STAGES = ("preprocess", "pose", "embed", "match")
Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]
_T = TypeVar("_T")


@dataclass
class Pipeline:
    """size: (height, width) of the network's input. embed: a session from pixels, and heat maps where there is a pose
    net, to features. macs: multiply-accumulates of the graphs for one query. paper: seconds per query in Table 9.
    precision: of the re-ID graph; pose nets are fp32. family: method without its pose net, for the plot's colour."""

    name: str
    family: str
    size: tuple[int, int]
    embed: ort.InferenceSession
    matcher: Matcher
    macs: float
    precision: str = "fp32"
    pose: ort.InferenceSession | None = None
    paper: float | None = None
    _spec: PreprocessSpec = field(init=False)

    def __post_init__(self) -> None:
        self._spec = PreprocessSpec(*self.size)

    def query(self, jpeg: bytes) -> NDArray[np.intp]:
        """The whole, as a caller would run it."""
        return self.matcher.search(*self.features(jpeg))

    def features(self, jpeg: bytes) -> list[Array]:
        """What the matcher gets for this query."""
        pixels = self._pixels(jpeg)
        return self._features(pixels, self._heatmaps(pixels))

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
        return features if heatmaps is None else [*features, visible_parts(heatmaps)]


def visible_parts(heatmaps: Array, parts: int = 3, threshold: float = 0.2) -> Array:
    """PGFA, Sec. 3.3: a horizontal part is visible if a key point of confidence 0.2 or more lies in it.

    heatmaps: (1, 17, h, w) -> (1, parts) of 0 and 1.
    """
    rows = heatmaps[0].max(axis=2)  # (17, h)
    part = rows.argmax(axis=1) * parts // rows.shape[1]
    seen = np.zeros((1, parts), np.float32)
    seen[0, part[rows.max(axis=1) >= threshold]] = 1
    return seen


class FromPixels(nn.Module):
    """Puts the arithmetic of preprocessing into the graph, for rivals as for ours: (1, H, W, 3) uint8 in."""

    def __init__(self, network: nn.Module, spec: PreprocessSpec) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: Tensor, *others: Tensor) -> Tensor | tuple[Tensor, ...]:
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return self.network(images, *others)  # type: ignore[no-any-return]


def write_graph(network: nn.Module, inputs: tuple[Tensor, ...], file: Path) -> Path:
    """Exports a network for one query at a time; kept between runs."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        names = ["pixels", "heatmaps"][: len(inputs)]
        torch.onnx.export(
            network.eval(), inputs, file, input_names=names, dynamo=True, external_data=False, verbose=False
        )
    return file


def session(model: Path | bytes, threads: int) -> ort.InferenceSession:
    """On the CPU, with the same options for every method."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(model if isinstance(model, bytes) else str(model), options, ["CPUExecutionProvider"])


def _timed(seconds: dict[str, float], stage: str, work: Callable[[], _T]) -> _T:
    start = time.perf_counter()
    result = work()
    seconds[stage] = time.perf_counter() - start
    return result
