"""Where a model looks: the responses of its feature map F, laid over the crops (Fig. 1 and 4)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from reid_contract import normalise
from training.data.crops import read_crop
from training.data.records import Record
from training.evaluation.checkpoint_model import CheckpointModel
from training.evaluation.extract import crops
from training.evaluation.pictures.sheet import Cell, sheet

SHOWN = (96, 192)  # width and height of a crop on the page
_OPACITY = 0.55


def draw_responses(models: dict[str, CheckpointModel], records: Sequence[Record]) -> Image.Image:
    """A row of crops, then for each model a row with its responses over them; models: by their row's title."""
    rows = [[Cell(shown(record)) for record in records]]
    for model in models.values():
        maps = responses(feature_maps(model, records)).numpy()
        rows.append([Cell(overlay(shown(record), response)) for record, response in zip(records, maps, strict=True)])
    note = "Length of F's channel vector at each place, each crop from its least (blue) to its greatest (red)."
    return sheet(rows, titles=["crop", *models], note=note)


@torch.inference_mode()
def feature_maps(model: CheckpointModel, records: Sequence[Record]) -> Tensor:
    """F of Sec. 3.1 as it is deployed, without pose: (N, c, h, w) float32 on the CPU."""
    batches = crops(records, model.spec)
    images = (torch.from_numpy(normalise(pixels, model.spec)).to(model.device) for pixels in batches)
    return torch.cat([model.model.main.feature_map(batch).float().cpu() for batch in images])


def responses(feature_map: Tensor) -> Tensor:
    """(N, c, h, w) -> (N, h, w), the Euclidean length of the channels at each place."""
    lengths: Tensor = torch.linalg.vector_norm(feature_map, dim=1)
    return lengths


def scaled(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, h, w), each from 0, its least, to 1, its greatest; one that is the same everywhere is 0."""
    low = maps.min(axis=(1, 2), keepdims=True)
    span = maps.max(axis=(1, 2), keepdims=True) - low
    shares: NDArray[np.float32] = np.divide(maps - low, span, out=np.zeros_like(maps), where=span > 0)
    return shares


def shown(record: Record) -> Image.Image:
    """The crop at the size it has on the page."""
    return read_crop(record.path).resize(SHOWN, Image.Resampling.BICUBIC)


def overlay(crop: Image.Image, response: NDArray[np.float32]) -> Image.Image:
    """response: (h, w), any range; blue where it is least on this crop, red where it is greatest."""
    share = scaled(response.astype(np.float32)[None])[0]
    smooth = np.asarray(Image.fromarray(share).resize(crop.size, Image.Resampling.BILINEAR))
    colours = (255 * mpl.colormaps["jet"](smooth)[..., :3]).astype(np.uint8)
    return Image.blend(crop, Image.fromarray(colours), _OPACITY)
