"""The main branch (MB), Sec. 3.1: the only part that is deployed."""

from __future__ import annotations

from torch import Tensor, nn


class MainBranch(nn.Module):
    """Backbone and global average pooling: images -> f_G.

    backbone: images (N, 3, H, W) -> F (N, c, h, w), with its width as `num_features`.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.width = int(backbone.num_features)  # type: ignore[arg-type]

    def feature_map(self, images: Tensor) -> Tensor:
        """F of Sec. 3.1: (N, 3, H, W) float32 -> (N, c, h, w)."""
        return self.backbone(images)  # type: ignore[no-any-return]

    def forward(self, images: Tensor) -> Tensor:
        """f_G = g(F): (N, 3, H, W) float32 -> (N, c)."""
        return global_average_pool(self.feature_map(images))


def global_average_pool(feature_map: Tensor) -> Tensor:
    """g(·) of Sec. 3.1: (N, c, h, w) -> (N, c)."""
    return feature_map.mean(dim=(2, 3))
