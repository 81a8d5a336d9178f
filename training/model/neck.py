"""BNNeck [28]: the triplet loss sees a feature before the neck, the classifier and the matching see it after."""

from __future__ import annotations

from torch import Tensor, nn


class BNNeck(nn.Module):
    """Batch normalisation without a shift, then a classifier without a bias.

    forward: feature (N, c) -> (neck feature (N, c), logits (N, C)). Used for f_G, f_E and f_V, each with its own.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.norm.bias.requires_grad_(False)  # the hypersphere stays centred on the origin, as [28] wants for cosine
        self.classifier = nn.Linear(width, classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        after_neck: Tensor = self.norm(feature)  # (N, c)
        logits: Tensor = self.classifier(after_neck)  # (N, C)
        return after_neck, logits
