"""PGFL-KD, Fig. 2: the main branch, and the two pose-guided branches that teach it and are thrown away."""

from __future__ import annotations

import copy
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.backbone import create_backbone, parse_weights
from training.config import ModelConfig
from training.model.body_parts import part_attention, pool_parts
from training.model.foreground_branch import (
    attentive_pool,
    foreground_attention,
    foreground_enhanced,
    foreground_query,
)
from training.model.main_branch import MainBranch, global_average_pool
from training.model.neck import BNNeck
from training.model.semantics_branch import SemanticsAlignedBranch, fuse
from training.model.stages import run, split_last_stage

Feature = Literal["g", "e", "p", "v", "f"]  # Table 8: f_G, f_E, f_P, f_V, f_F


class Supervised(NamedTuple):
    """A feature under the ReID loss. The triplet loss sees `feature`, cross-entropy `logits`, matching `after_neck`."""

    feature: Tensor  # (N, c)
    after_neck: Tensor  # (N, c)
    logits: Tensor  # (N, C)


class PGFLOutput(NamedTuple):
    """Everything the losses need, of N images, c channels, C identities. A branch that is switched off gives None."""

    main: Supervised  # f_G: pose-free, the only branch that is deployed
    enhanced: Supervised | None  # f_E of the FEB
    fused: Supervised | None  # f_V of the SAB; without interaction (Model-2) f_P
    parts: Tensor | None  # (N, c) f_P, channel group k holds body part k


class _Branches(NamedTuple):
    f_g: Tensor  # (N, c)
    f_f: Tensor | None  # (N, c)
    f_e: Tensor | None  # (N, c)
    f_p: Tensor | None  # (N, c)
    f_v: Tensor | None  # (N, c)


class PGFLKD(nn.Module):
    """The network of Sec. 3.

    config: the switches of Tables 6 and 7 and every choice where the paper is silent. classes: identities in the
    training set. Deployed is `main`, then `neck_g.norm`; nothing else of it.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        backbone = create_backbone(config.backbone, parse_weights(config.weights), last_stride=config.last_stride)
        self.main = MainBranch(backbone)
        width = self.main.width
        self.neck_g = BNNeck(width, classes)
        self.neck_e = BNNeck(width, classes) if config.feb else None
        self.neck_v = BNNeck(width, classes) if config.sab else None
        self.sab = SemanticsAlignedBranch(width) if config.sab else None
        self.part_stage = _part_stage(backbone) if config.separate_part_stage and config.needs_pose else None

    def forward(self, images: Tensor, heatmaps: Tensor | None = None, unhidden: Tensor | None = None) -> PGFLOutput:
        """images: (N, 3, H, W) float32, normalised. heatmaps: (N, 17, h', w') in [0, 1] of the same images, at any
        resolution; may be None only if FEB and SAB are off (Baseline). unhidden: (N, 3, H, W), what FEB and SAB look at
        instead, with an f_G of its own in theirs; the heat maps are then of it."""
        if unhidden is None:
            features = self._features(images, heatmaps)
            f_g = features.f_g
        else:
            features, f_g = self._two_views(images, unhidden, heatmaps)
        fused = features.f_v if self.config.interaction else features.f_p
        return PGFLOutput(
            main=_supervise(self.neck_g, f_g),
            enhanced=_supervise(self.neck_e, features.f_e) if self.neck_e and features.f_e is not None else None,
            fused=_supervise(self.neck_v, fused) if self.neck_v and fused is not None else None,
            parts=None if features.f_p is None else features.f_p.float(),
        )

    def embed(self, images: Tensor, heatmaps: Tensor | None = None, feature: Feature = "g") -> Tensor:
        """The feature that images are matched by (Sec. 3.5; Table 8 compares all five): (N, c), L2-normalised.

        Only "g" does without heat maps. A feature under the ReID loss passes its neck as `test_feature` says; f_F, and
        f_P beside an f_V, have none.
        """
        if feature not in get_args(Feature):
            raise ValueError(f"feature is {feature!r}; allowed: {', '.join(get_args(Feature))}")
        if feature == "g":
            return self._for_matching(self.main(images), self.neck_g)
        features = self._features(images, heatmaps)
        chosen: Tensor | None = getattr(features, f"f_{feature}")
        if chosen is None:
            raise ValueError(f"this model was trained without the branch that gives f_{feature.upper()}")
        necks = {"e": self.neck_e, "v" if self.config.interaction else "p": self.neck_v}
        return self._for_matching(chosen, necks.get(feature))

    def _features(self, images: Tensor, heatmaps: Tensor | None) -> _Branches:
        feature_map, part_map = self.feature_maps(images)  # F (N, c, h, w), twice unless separate_part_stage
        return self._branches(global_average_pool(feature_map), part_map, heatmaps)

    def _two_views(self, images: Tensor, unhidden: Tensor, heatmaps: Tensor | None) -> tuple[_Branches, Tensor]:
        """The teachers' features of `unhidden`, and f_G (N, c) of `images`: one pass, one batch normalisation."""
        if unhidden.shape != images.shape:
            raise ValueError(f"images are {tuple(images.shape)}, unhidden {tuple(unhidden.shape)}; needed: the same")
        feature_map, part_map = self.feature_maps(torch.cat([images, unhidden]), views=2)
        f_g, f_g_unhidden = global_average_pool(feature_map).chunk(2)
        return self._branches(f_g_unhidden, part_map[-len(unhidden) :], heatmaps), f_g

    def _branches(self, f_g: Tensor, part_map: Tensor, heatmaps: Tensor | None) -> _Branches:
        config = self.config
        if not config.needs_pose:
            return _Branches(f_g, None, None, None, None)
        if heatmaps is None:
            raise ValueError("FEB and SAB need heat maps (N, 17, h, w); only f_G does without")
        if len(heatmaps) != len(f_g):
            raise ValueError(f"{len(f_g)} images and {len(heatmaps)} heat maps; needed: as many of both")
        size = (part_map.shape[2], part_map.shape[3])
        weights = part_attention(heatmaps, size, merge=config.heatmap_merge, scale=config.heatmap_scale)
        f_l = pool_parts(part_map, weights.to(part_map.dtype), config.part_pooling)  # (N, K, c), Eq. 1
        f_f = f_e = f_p = f_v = None
        if config.feb:
            attention = foreground_attention(
                part_map, foreground_query(f_l), kind=config.attention, temperature=config.attention_temperature
            )
            f_f = attentive_pool(part_map, attention)  # Eq. 3
            f_e = foreground_enhanced(f_f, f_g)
        if self.sab is not None:
            f_p = self.sab(f_l)
            f_v = fuse(f_g, f_p) if config.interaction else None  # Eq. 6
        return _Branches(f_g, f_f, f_e, f_p, f_v)

    def feature_maps(self, images: Tensor, views: int = 1) -> tuple[Tensor, Tensor]:
        """F (N, c, h, w) of Sec. 3.1, and the map that FEB and SAB read: the same one without `separate_part_stage`,
        with it that of the last of several views alone, (N / views, c, h, w)."""
        if self.part_stage is None:
            feature_map = self.main.feature_map(images)
            return feature_map, feature_map
        shared_layers, last_stage = split_last_stage(self.main.backbone)
        shared = run(shared_layers, images)
        return run(last_stage, shared), self.part_stage(shared[-(len(images) // views) :])

    def _for_matching(self, feature: Tensor, neck: BNNeck | None) -> Tensor:
        if neck is not None and self.config.test_feature == "after-neck":
            feature = neck.norm(feature)
        return F.normalize(feature.float(), dim=1)


def _supervise(neck: BNNeck, feature: Tensor) -> Supervised:
    """Float32 also under autocast: the losses need its digits."""
    after_neck, logits = neck(feature)
    return Supervised(feature.float(), after_neck.float(), logits.float())


def _part_stage(backbone: nn.Module) -> nn.Sequential:
    """A second copy of the last stage, with weights of its own, for FEB and SAB."""
    _, last_stage = split_last_stage(backbone)
    return nn.Sequential(*(copy.deepcopy(layer) for layer in last_stage))
