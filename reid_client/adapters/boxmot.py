"""BoxMOT: `BotSort(reid_model=RemoteReid(client), …)`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reid_client.adapters.boxes import cut
from reid_client.client import Client


class RemoteReid:
    """A re-ID model that BoxMOT asks once a frame, and that asks the service once a frame."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.embedding_dim: int = client.request("GET", "/model")["dim"]

    def get_features(self, xyxys: ArrayLike, img: NDArray[np.uint8]) -> NDArray[np.float32]:
        """xyxys: (N, 4) corners in pixels. img: (H, W, 3) BGR. Returns (N, D) float32 of length 1."""
        crops = cut(img, xyxys)
        return self._client.embed(crops).rows if crops else np.zeros((0, self.embedding_dim), np.float32)
