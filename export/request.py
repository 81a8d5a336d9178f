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
    """Raises ValueError for a size or a loss that is none, and for options that would do nothing."""
    _check_used(arguments)
    _check_loss(arguments.max_loss)
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


def _check_used(arguments: argparse.Namespace) -> None:
    """An option that does nothing makes one believe in a check that never was."""
    measuring = {"--max-loss": arguments.max_loss, "--identities": arguments.identities}
    for option, value in measuring.items():
        if value is not None and arguments.dataset is None:
            raise ValueError(f"{option} is {value}, but nothing is measured: it needs --dataset NAME and --data ROOT")
    if arguments.calibration and arguments.dataset and arguments.precision != "int8":
        raise ValueError(
            f"--calibration is {arguments.calibration}, but nothing would look at it: "
            "--dataset's queries verify the file, and only --precision int8 sets ranges"
        )
    if arguments.reduce_range is not None and arguments.precision != "int8":
        option = "--reduce-range" if arguments.reduce_range else "--no-reduce-range"
        raise ValueError(f"{option} is for --precision int8; the precision is {arguments.precision}")


def _check_loss(points: float | None) -> None:
    if points is not None and not 0 <= points <= 100:  # nan too: every loss would pass it
        raise ValueError(f"--max-loss is {points}; allowed: 0 to 100 percentage points")
