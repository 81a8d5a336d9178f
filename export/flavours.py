"""What each client sends: its tensor's name, layout and dtype, and what it has already done to a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reid_contract import Flavour, PreprocessSpec
from reid_contract.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Triple

Layout = Literal["NHWC", "NCHW"]
_ONES: Triple = (1.0, 1.0, 1.0)
_ZEROS: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Convention:
    """One client's input and output.

    scale, shift: a red, green or blue pixel value p from 0 to 255 arrives as `scale * p + shift`; always in RGB order.
    """

    input_name: str
    output_name: str
    layout: Layout
    dtype: Literal["uint8", "float32"]
    scale: Triple = _ONES
    shift: Triple = _ZEROS


CONVENTIONS: dict[Flavour, Convention] = {
    "service": Convention("images", "embeddings", "NHWC", "uint8"),
    # BoxMOT standardises with ImageNet's statistics, whatever the file wants.
    "boxmot": Convention(
        "images",
        "output0",
        "NCHW",
        "float32",
        scale=tuple(1 / (255 * std) for std in IMAGENET_STD),  # type: ignore[arg-type]
        shift=tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)),  # type: ignore[arg-type]
    ),
    "ultralytics": Convention("images", "output0", "NCHW", "float32", scale=(1 / 255, 1 / 255, 1 / 255)),
    # nvtracker's defaults (netScaleFactor 1, offsets 0): nothing to set, so nothing to set wrongly.
    "deepstream": Convention("images", "embeddings", "NCHW", "float32"),
}


def remaining_arithmetic(convention: Convention, spec: PreprocessSpec) -> tuple[Triple, Triple]:
    """(multiplier, offset) per RGB channel: what the graph still has to do before the backbone can take it.

    After a client that did all of it, the multipliers are 1 and the offsets 0, up to rounding.
    """
    low, high = spec.value_range
    mean, std = spec.mean, spec.std
    if spec.colour_order == "bgr":
        mean, std = mean[::-1], std[::-1]
    per_pixel = [(high - low) / (255 * s) for s in std]
    at_zero = [(low - m) / s for m, s in zip(mean, std, strict=True)]
    multiplier = [wanted / done for wanted, done in zip(per_pixel, convention.scale, strict=True)]
    offset = [zero - m * shift for zero, m, shift in zip(at_zero, multiplier, convention.shift, strict=True)]
    return (multiplier[0], multiplier[1], multiplier[2]), (offset[0], offset[1], offset[2])
