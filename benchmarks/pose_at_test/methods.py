"""Every method that is compared: its graphs, exported once into a cache folder, and its gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from benchmarks.pose_at_test.graphs import KEYPOINTS, PCB, PGFA, PGFAWithoutPose, SpatialBlocks
from benchmarks.pose_at_test.matching import CosineMatcher, ReconstructionMatcher, SharedPartsMatcher
from benchmarks.pose_at_test.pipelines import FromPixels, Pipeline, session, write_graph
from export.complexity import multiply_accumulates
from export.deployed import DeployedBranch
from export.graph import trace
from export.half import to_half
from export.quantise import Quantiser
from export.source import load_source
from reid_contract import PreprocessSpec
from training.backbone import create_backbone
from training.pose.hrnet import HRNetPose
from training.pose.movenet import load_movenet

SIZE = (384, 128)
COMPACT_SIZE = (256, 128)
DIMS = {"resnet50": 2048, "tf_efficientnet_lite0": 1280}
# Table 9 of the paper, seconds per query.
PAPER = {"DSR": 4.84, "SFR": 4.65, "PGFA": 0.82, "PGFA w/o pose": 0.12, "PCB": 0.09, "PGFL-KD": 0.08}
POSE_NETS: dict[str, Callable[[], nn.Module]] = {
    "HRNet-W48": lambda: HRNetPose(48),
    "HRNet-W32": lambda: HRNetPose(32),
    "MoveNet": load_movenet,
}


class Methods:
    """folder: where graphs are kept between runs. entries: gallery crops. crops: real or drawn ones, (N, H, W, 3)
    uint8 of any size, for calibrating int8."""

    def __init__(self, folder: Path, entries: int, threads: int, crops: dict[tuple[int, int], np.ndarray]) -> None:  # type: ignore[type-arg]
        self._folder, self._entries, self._threads, self._crops = folder, entries, threads, crops

    def all(self) -> Iterator[Pipeline]:
        """Ours first: the first is what every ratio is against."""
        yield from self._ours("PGFL-KD, ResNet-50", "resnet50", "none", SIZE)
        yield from self._ours("PGFL-KD, compact", "tf_efficientnet_lite0", "imagenet", COMPACT_SIZE)
        yield self._rival("PCB", "PCB", PCB(_resnet50()), CosineMatcher(self._entries, 6 * 2048))
        yield self._rival(
            "PGFA w/o pose",
            "PGFA w/o pose",
            PGFAWithoutPose(_resnet50()),
            SharedPartsMatcher(self._entries, pose=False),
        )
        for name, build in POSE_NETS.items():
            yield self._with_pose(name, build)
        yield self._spatial("DSR", (1, 2, 3))
        yield self._spatial("SFR", (1, 2, 3, 4))

    def _ours(self, name: str, backbone: str, weights: str, size: tuple[int, int]) -> Iterator[Pipeline]:
        protos = self._precisions(backbone, weights, size)
        macs = multiply_accumulates(protos["fp32"])
        for precision, proto in protos.items():
            matcher = CosineMatcher(self._entries, DIMS[backbone])
            embed = session(proto.SerializeToString(), self._threads)
            paper = PAPER["PGFL-KD"] if backbone == "resnet50" else None
            yield Pipeline(name, "PGFL-KD", size, embed, matcher, macs, precision, paper=paper)

    def _precisions(self, backbone: str, weights: str, size: tuple[int, int]) -> dict[str, onnx.ModelProto]:
        files = {precision: self._folder / f"{backbone}-{precision}.onnx" for precision in ("fp32", "fp16", "int8")}
        if not all(file.exists() for file in files.values()):
            self._folder.mkdir(parents=True, exist_ok=True)
            source = load_source(f"timm:{backbone}", size=size, weights=weights)
            proto = trace(DeployedBranch(source.main, source.neck, source.spec), *size)
            onnx.save(proto, files["fp32"])
            onnx.save(to_half(proto), files["fp16"])
            with Quantiser(proto, self._crops[size], reduce_range=True) as quantiser:
                onnx.save(quantiser.quantise(), files["int8"])
        return {precision: onnx.load(file) for precision, file in files.items()}

    def _rival(
        self, name: str, family: str, network: nn.Module, matcher: CosineMatcher | SharedPartsMatcher
    ) -> Pipeline:
        file = self._export(name, network, (_pixels(),))
        return Pipeline(name, family, SIZE, session(file, self._threads), matcher, _macs(file), paper=PAPER[family])

    def _with_pose(self, pose_net: str, build: Callable[[], nn.Module]) -> Pipeline:
        heatmaps = torch.zeros(1, KEYPOINTS, SIZE[0] // 4, SIZE[1] // 4)
        file = self._export("PGFA", PGFA(_resnet50()), (_pixels(), heatmaps))
        pose_file = write_graph(_PoseFromPixels(build()), (_pixels(),), self._folder / f"{pose_net}.onnx")
        return Pipeline(
            f"PGFA + {pose_net}",
            "PGFA",
            SIZE,
            session(file, self._threads),
            SharedPartsMatcher(self._entries, pose=True),
            _macs(file) + _macs(pose_file),
            pose=session(pose_file, self._threads),
            paper=PAPER["PGFA"] if pose_net == "HRNet-W48" else None,
        )

    def _spatial(self, name: str, scales: tuple[int, ...]) -> Pipeline:
        file = self._export(
            name, SpatialBlocks(create_backbone("resnet50", "none", last_stride=2), scales), (_pixels(),)
        )
        blocks = sum((13 - side) * (5 - side) for side in scales)  # of a (12, 4) map
        matcher = ReconstructionMatcher(self._entries, blocks, 2048)
        return Pipeline(name, name, SIZE, session(file, self._threads), matcher, _macs(file), paper=PAPER[name])

    def _export(self, name: str, network: nn.Module, inputs: tuple[Tensor, ...]) -> Path:
        network = FromPixels(network, PreprocessSpec(*SIZE))
        return write_graph(network, inputs, self._folder / f"{name.replace('/', '').replace(' ', '-')}.onnx")


class _PoseFromPixels(nn.Module):
    """Pose nets take pixels as they are, channels first."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(pixels.permute(0, 3, 1, 2).float())  # type: ignore[no-any-return]


def _resnet50() -> nn.Module:
    return create_backbone("resnet50", "none")


def _pixels() -> Tensor:
    return torch.zeros(1, *SIZE, 3, dtype=torch.uint8)


def _macs(file: Path) -> int:
    return multiply_accumulates(onnx.load(file))
