"""A training checkpoint, and any of the five features of Table 8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from reid_contract import normalise
from training.checkpoint import load_checkpoint
from training.data.holdout import STARTED_FROM, left_out
from training.model.pgflkd import Feature


class CheckpointModel:
    """feature: "g" is what is deployed; the others need a pose estimator in the test as well.

    pose: a network from (N, 3, H, W) uint8 RGB to (N, 17, h, w) heat maps, run on the very crops that are embedded.
    threads: of torch on the CPU; 0: its own choice.
    Raises ValueError for a feature without a pose estimator or of a branch the model was trained without.
    """

    def __init__(
        self,
        file: Path,
        *,
        feature: Feature = "g",
        pose: nn.Module | None = None,
        device: str = "cpu",
        threads: int = 0,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        checkpoint = load_checkpoint(file)
        self.spec = checkpoint.config.spec
        hold_out = checkpoint.config.hold_out
        start = checkpoint.config.start
        self.training_data = checkpoint.config.dataset + (f", {left_out(hold_out)}" if hold_out else "")
        self.training_data += f"; {STARTED_FROM} {Path(start).name}" if start else ""
        self.feature = feature
        self.device = torch.device(device)
        self.model = checkpoint.build_model().to(self.device)
        self.name = file.stem if feature == "g" else f"{file.stem}, feature {feature}"
        self._check_feature(file)
        if feature != "g" and pose is None:
            raise ValueError(f"feature {feature!r} needs a pose estimator in the test; only 'g' does without")
        self._pose = None if feature == "g" or pose is None else pose.to(self.device).eval()

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB -> (B, D) float32."""
        images = torch.from_numpy(normalise(pixels, self.spec)).to(self.device)
        heatmaps = None
        if self._pose is not None:
            heatmaps = self._pose(torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2))
        features: NDArray[np.float32] = self.model.embed(images, heatmaps, self.feature).float().cpu().numpy()
        return features

    def _check_feature(self, file: Path) -> None:
        config = self.model.config
        has = {"g": True, "e": config.feb, "f": config.feb, "p": config.sab, "v": config.sab and config.interaction}
        if not has[self.feature]:
            there = ", ".join(name for name, is_there in has.items() if is_there)
            raise ValueError(f"{file} was trained without the branch of feature {self.feature!r}; it has: {there}")
