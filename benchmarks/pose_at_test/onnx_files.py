"""Every graph as an ONNX file in a cache folder, and sessions on it with the same options for every method."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.complexity import multiply_accumulates
from export.cpu import has_vnni
from export.deployed import DeployedBranch
from export.graph import trace
from export.half import to_half
from export.quantise import Quantiser
from export.source import Source, load_source
from reid_contract import PreprocessSpec

PRECISIONS = ("fp32", "fp16", "int8")


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


class PoseFromPixels(nn.Module):
    """Pose nets take pixels as they are, channels first."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(pixels.permute(0, 3, 1, 2).float())  # type: ignore[no-any-return]


def write_graph(network: nn.Module, inputs: tuple[Tensor, ...], file: Path) -> Path:
    """Exports a network for one query at a time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    names = ["pixels", "heatmaps"][: len(inputs)]
    torch.onnx.export(network.eval(), inputs, file, input_names=names, dynamo=True, external_data=False, verbose=False)
    return file


def write_precisions(folder: Path, backbone: str, weights: str, crops: NDArray[np.uint8]) -> dict[str, Path]:
    """Our deployed branch in fp32, fp16 and int8, as `python -m export` makes them. crops: (N, H, W, 3) uint8."""
    files = {precision: folder / f"{backbone}-{precision}.onnx" for precision in PRECISIONS}
    if not all(file.exists() for file in files.values()):
        folder.mkdir(parents=True, exist_ok=True)
        height, width = crops.shape[1:3]
        source = load_source(f"timm:{backbone}", size=(height, width), weights=weights)
        proto = trace(DeployedBranch(source.main, neck(source, crops), source.spec), height, width)
        onnx.save(proto, files["fp32"])
        onnx.save(to_half(proto), files["fp16"])
        with Quantiser(proto, crops, reduce_range=not has_vnni()) as quantiser:
            onnx.save(quantiser.quantise(), files["int8"])
    return files


def neck(source: Source, crops: NDArray[np.uint8]) -> nn.BatchNorm1d:
    """The BNNeck of a network that was trained on these crops: after it, they differ from each other.

    Features of other weights are all alike (cosines of 0.99), and among those no search finds what is near.
    """
    branch = DeployedBranch(source.main, None, source.spec)
    with torch.no_grad():
        features = torch.cat([branch.main(branch.standardise(crop)) for crop in torch.from_numpy(crops).split(1)])
        norm = nn.BatchNorm1d(features.shape[1], momentum=None)  # None: the statistics are those of all that came
        norm(features)
    return norm


def macs(file: Path) -> int:
    """Multiply-accumulates of one inference."""
    return multiply_accumulates(onnx.load(file))


@cache
def providers() -> list[str]:
    """The GPU where onnxruntime can use one, else the CPU."""
    if "CUDAExecutionProvider" in ort.get_available_providers():
        ort.preload_dlls()
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in ort.get_available_providers()]


def kind(threads: int) -> str:
    """What the names of result files end in: "-gpu" on a GPU, "-one-core" on one core, nothing on several."""
    if providers()[0].startswith("CUDA"):
        return "-gpu"
    return "-one-core" if threads == 1 else ""


def session(file: Path, threads: int) -> ort.InferenceSession:
    """threads: of one inference. They stop spinning when it ends, else pose, embed and match would slow each other."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(str(file), options, providers())
