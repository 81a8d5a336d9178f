"""How a crop becomes what a model sees. The only implementation: training's evaluation, export's verification and
the service all call it, because two libraries' "bilinear" are not the same pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_contract.errors import ContractError
from reid_contract.metadata import read_section, write_section
from reid_contract.numbers import is_number

Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
ColourOrder = Literal["rgb", "bgr"]
Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
MAX_SIDE = 4096


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """What a model expects of its input.

    height, width: pixels, 1 to 4096. filter: Pillow's resampling filter of that name (antialiased when shrinking).
    value_range: what pixel values 0 and 255 are mapped to, before mean and std. mean, std: per channel, in
    `colour_order` and in units of `value_range`. Raises ContractError naming the field, its value and what is allowed.
    """

    height: int
    width: int
    filter: Filter = "bilinear"
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    colour_order: ColourOrder = "rgb"
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= MAX_SIDE:
                raise ContractError(f"preprocess.{name} is {value!r}; allowed: a whole number from 1 to {MAX_SIDE}")
        for name, allowed in (("filter", get_args(Filter)), ("colour_order", get_args(ColourOrder))):
            if getattr(self, name) not in allowed:
                raise ContractError(f"preprocess.{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}")
        for name, length in (("mean", 3), ("std", 3), ("value_range", 2)):
            object.__setattr__(self, name, _numbers(name, getattr(self, name), length))
        if min(self.std) <= 0:
            raise ContractError(f"preprocess.std is {self.std}; allowed: three numbers above 0")
        low, high = self.value_range
        if not low < high:
            raise ContractError(
                f"preprocess.value_range is {self.value_range}; allowed: (low, high) with low below high"
            )

    def to_metadata(self) -> dict[str, str]:
        """The spec as ONNX metadata: one key, one JSON object."""
        return write_section("preprocess", self)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> PreprocessSpec:
        """Reads what `to_metadata` wrote. Raises ContractError that names the missing key or the wrong value."""
        return read_section("preprocess", cls, metadata)


def preprocess(image: Image.Image | NDArray[np.uint8], spec: PreprocessSpec) -> NDArray[np.uint8]:
    """Resizes one crop to the model's size, stretching it.

    image: a Pillow image of any mode, or RGB pixels (h, w, 3) uint8. Returns RGB pixels (H, W, 3) uint8: what a file of
    the `service` flavour takes. Raises ValueError for an array of another shape or dtype.
    """
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(f"a crop must be (h, w, 3) uint8, not {image.shape} {image.dtype}")
        image = Image.fromarray(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    size = (spec.width, spec.height)
    if image.size != size:
        image = image.resize(size, Image.Resampling[spec.filter.upper()])
    return np.asarray(image)


def normalise(pixels: NDArray[np.uint8], spec: PreprocessSpec) -> NDArray[np.float32]:
    """The arithmetic that follows `preprocess`; a `service` file does it inside its graph.

    pixels: (N, H, W, 3) uint8 RGB. Returns (N, 3, H, W) float32, channels in `spec.colour_order`, as the
    backbone takes it.
    """
    low, high = spec.value_range
    scaled = pixels.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
    if spec.colour_order == "bgr":
        scaled = scaled[..., ::-1]
    standardised = (scaled - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    return np.ascontiguousarray(standardised.transpose(0, 3, 1, 2))


def _numbers(name: str, values: object, length: int) -> tuple[float, ...]:
    if not isinstance(values, (tuple, list)) or len(values) != length or not all(map(is_number, values)):
        raise ContractError(f"preprocess.{name} is {values!r}; allowed: {length} finite numbers")
    return tuple(float(v) for v in values)
