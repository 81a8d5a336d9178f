"""Which channel group of the main branch answers to which body part: what multi-part distillation is for (Sec. 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from training.pose.groups import GROUPS, merge_keypoints

K = len(GROUPS)
_VISIBLE = 0.2  # a key point's peak from which the part counts as seen


def group_responses(feature_map: Tensor) -> Tensor:
    """(N, c, h, w) -> (N, K, h, w): the Euclidean length, at each place, of each of K groups of c/K channels.

    Divided by its mean over the crop, so that 1 is no more than elsewhere. Raises ValueError where K does not divide c.
    """
    count, width, height, columns = feature_map.shape
    if width % K:
        raise ValueError(f"the feature map has {width} channels; needed: a multiple of K = {K}")
    grouped = feature_map.reshape(count, K, width // K, height, columns)
    lengths: Tensor = torch.linalg.vector_norm(grouped, dim=2)
    mean: Tensor = lengths.mean(dim=(2, 3), keepdim=True)
    return lengths / mean.clamp_min(torch.finfo(lengths.dtype).tiny)


def part_answers(responses: Tensor, heatmaps: Tensor) -> Tensor:
    """How much each channel group answers at each body part, beside the other groups: (K groups, K parts).

    responses: (N, K, h, w) of `group_responses`. heatmaps: (N, 17, h', w') in [0, 1], of a pose estimator. A group's
    response is averaged under the part's heat map, over the crops where the part is seen, and divided by the mean over
    groups: above 1, this group answers to the part more than the others do. NaN for a part that no crop shows.
    """
    merged = merge_keypoints(heatmaps.float(), "max")  # (N, K, h', w')
    seen = merged.amax(dim=(2, 3)) >= _VISIBLE  # (N, K)
    size = (responses.shape[2], responses.shape[3])
    weights = F.interpolate(merged, size, mode="bilinear", antialias=True).flatten(2)  # (N, K, hw)
    weights = weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-12)
    under = torch.einsum("ngx,npx->ngp", responses.flatten(2), weights)  # (N, K groups, K parts)
    mean = (under * seen[:, None]).sum(dim=0) / seen.sum(dim=0)
    return mean / mean.mean(dim=0, keepdim=True)
