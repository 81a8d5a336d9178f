"""What the command line asks for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from export.cpu import has_vnni
from export.source import parse_size
from reid_contract import Flavour, Precision


@dataclass(frozen=True, slots=True)
class Request:
    """One export. source: a checkpoint file or `timm:NAME`. Texts for training data and licence replace what is known.

    match_calibration: what `python -m training calibrate` wrote. calibration: folder of crops. dataset, data: to
    measure mAP on, with identities: on so many persons only. allowed_loss: percentage points, None for the
    precision's own. reduce_range: int8 weights in 7 bits.
    """

    source: str
    out: Path
    flavour: Flavour = "service"
    precision: Precision = "fp32"
    match_calibration: Path | None = None
    calibration: Path | None = None
    dataset: str | None = None
    data: Path | None = None
    size: tuple[int, int] | None = None
    weights: str | None = None
    training_data: str | None = None
    licence: str | None = None
    identities: int | None = None
    allowed_loss: float | None = None
    reduce_range: bool = False


def from_arguments(arguments: argparse.Namespace) -> Request:
    """Raises ValueError for a size that is none."""
    given = arguments.reduce_range
    return Request(
        source=arguments.source,
        out=arguments.out,
        flavour=arguments.flavour,
        precision=arguments.precision,
        match_calibration=arguments.match_calibration,
        calibration=arguments.calibration,
        dataset=arguments.dataset,
        data=arguments.data,
        identities=arguments.identities,
        size=parse_size(arguments.size) if arguments.size else None,
        weights=arguments.weights,
        training_data=arguments.training_data,
        licence=arguments.licence,
        allowed_loss=arguments.max_loss,
        reduce_range=not has_vnni() if given is None else given,
    )
