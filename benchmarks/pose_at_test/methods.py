"""Every method that is compared: its graphs and its gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.pose_at_test.crops import pixels
from benchmarks.pose_at_test.gallery import OurGallery
from benchmarks.pose_at_test.graphs import PCB, REDUCED, WIDTH, PGFAWithoutPose, SpatialBlocks
from benchmarks.pose_at_test.guided import KEYPOINTS, PGFA, PVPM, HOReID
from benchmarks.pose_at_test.matching import CosineMatcher, Matcher, ReconstructionMatcher, VisiblePartsMatcher
from benchmarks.pose_at_test.onnx_files import FromPixels, PoseFromPixels, macs, session, write_graph, write_precisions
from benchmarks.pose_at_test.pipelines import Pipeline, visible_parts
from reid_contract import PreprocessSpec
from training.backbone import create_backbone
from training.pose.hrnet import HRNetPose
from training.pose.movenet import load_movenet

SIZE = (384, 128)
COMPACT_SIZE = (256, 128)
# Table 9 of the paper, seconds per query.
PAPER = {"DSR": 4.84, "SFR": 4.65, "PGFA": 0.82, "PGFA w/o pose": 0.12, "PCB": 0.09, "PGFL-KD": 0.08}
OURS = "PGFL-KD, ResNet-50"
COMPACT = "PGFL-KD, compact"
POSE_NETS: dict[str, Callable[[], nn.Module]] = {
    "HRNet-W48": lambda: HRNetPose(48),
    "HRNet-W32": lambda: HRNetPose(32),
    "MoveNet": load_movenet,
}


class Methods:
    """folder: where graphs are kept between runs. entries: gallery crops. jpegs: the queries, which calibrate int8 too.

    A context: our own galleries are directories on the disk until it ends.
    """

    def __init__(self, folder: Path, entries: int, threads: int, jpegs: list[bytes]) -> None:
        self._folder, self._entries, self._threads, self._jpegs = folder, entries, threads, jpegs
        self._open = ExitStack()

    def __enter__(self) -> Methods:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def all(self, *, slow: bool = True) -> Iterator[Pipeline]:
        """Ours first: the first is what every ratio is against. slow: with DSR and SFR, whose queries take seconds."""
        yield from self._ours(OURS, "resnet50", "none", SIZE)
        yield from self._ours(COMPACT, "tf_efficientnet_lite0", "imagenet", COMPACT_SIZE)
        yield self._without_pose("PCB", PCB, CosineMatcher(self._entries, 6 * WIDTH))
        yield self._without_pose(
            "PGFA w/o pose", PGFAWithoutPose, VisiblePartsMatcher(self._entries, 4, REDUCED, always=4)
        )
        for pose_net in POSE_NETS:
            matcher = VisiblePartsMatcher(self._entries, 4, REDUCED, always=1)
            yield self._with_pose("PGFA", PGFA, matcher, pose_net)
        yield self._with_pose("PVPM", PVPM, VisiblePartsMatcher(self._entries, 6, WIDTH, always=0), "HRNet-W48")
        yield self._with_pose("HOReID", HOReID, CosineMatcher(self._entries, 14 * WIDTH), "HRNet-W48")
        if slow:
            yield self._spatial("DSR", (1, 2, 3))
            yield self._spatial("SFR", (1, 2, 3, 4))

    def _ours(self, name: str, backbone: str, weights: str, size: tuple[int, int]) -> Iterator[Pipeline]:
        crops = pixels(self._jpegs, size)
        files = write_precisions(self._folder, backbone, weights, crops)
        sessions = {precision: session(file, self._threads) for precision, file in files.items()}
        queries = [embed.run(None, {"images": crop[None]})[0] for embed in sessions.values() for crop in crops]
        gallery = self._open.enter_context(closing(OurGallery(self._entries, np.concatenate(queries))))
        paper = PAPER["PGFL-KD"] if name == OURS else None
        for precision, embed in sessions.items():
            yield Pipeline(name, "PGFL-KD", size, embed, gallery, macs(files["fp32"]), precision, paper=paper)

    def _without_pose(self, name: str, build: Callable[[nn.Module], nn.Module], matcher: Matcher) -> Pipeline:
        file = self._file(name, lambda: build(_resnet50()), (_pixels(),))
        return Pipeline(name, name, SIZE, session(file, self._threads), matcher, macs(file), paper=PAPER[name])

    def _with_pose(
        self, name: str, build: Callable[[nn.Module], nn.Module], matcher: Matcher, pose_net: str
    ) -> Pipeline:
        heatmaps = torch.zeros(1, KEYPOINTS, SIZE[0] // 4, SIZE[1] // 4)
        file = self._file(name, lambda: build(_resnet50()), (_pixels(), heatmaps))
        pose_file = self._folder / f"{pose_net}.onnx"
        if not pose_file.exists():
            write_graph(PoseFromPixels(POSE_NETS[pose_net]()), (_pixels(),), pose_file)
        return Pipeline(
            f"{name} + {pose_net}",
            name,
            SIZE,
            session(file, self._threads),
            matcher,
            macs(file) + macs(pose_file),
            pose=session(pose_file, self._threads),
            visible=visible_parts if name == "PGFA" else None,
            paper=PAPER["PGFA"] if (name, pose_net) == ("PGFA", "HRNet-W48") else None,
        )

    def _spatial(self, name: str, scales: tuple[int, ...]) -> Pipeline:
        file = self._file(
            name, lambda: SpatialBlocks(create_backbone("resnet50", "none", last_stride=2), scales), (_pixels(),)
        )
        matcher = ReconstructionMatcher(self._entries, blocks(scales), WIDTH)
        return Pipeline(name, name, SIZE, session(file, self._threads), matcher, macs(file), paper=PAPER[name])

    def _file(self, name: str, build: Callable[[], nn.Module], inputs: tuple[Tensor, ...]) -> Path:
        """Exported once; other crops or weights would not change its speed."""
        file = self._folder / f"{name.replace('/', '').replace(' ', '-')}.onnx"
        return file if file.exists() else write_graph(FromPixels(build(), PreprocessSpec(*SIZE)), inputs, file)


def blocks(scales: tuple[int, ...]) -> int:
    """How many square blocks a (12, 4) feature map has, at stride 1."""
    return sum((13 - side) * (5 - side) for side in scales)


def _resnet50() -> nn.Module:
    return create_backbone("resnet50", "none")


def _pixels() -> Tensor:
    return torch.zeros(1, *SIZE, 3, dtype=torch.uint8)
