"""Write the weights between a run and one that was started from it: a checkpoint to evaluate and export."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.checkpoint import load_checkpoint, save_checkpoint
from training.interpolation import between


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("first", type=Path, metavar="FIRST.pt", help="the run that came first")
    parser.add_argument("second", type=Path, metavar="SECOND.pt", help="the run that was started from it")
    parser.add_argument("output", type=Path, metavar="OUT.pt", help="the checkpoint to write")
    parser.add_argument("--share", type=float, default=0.5, help="of the second in the mixture, 0 to 1 (default 0.5)")


def run(arguments: argparse.Namespace) -> None:
    """Writes OUT.pt. Raises ValueError, OSError."""
    if arguments.output.exists():
        raise FileExistsError(f"{arguments.output} is there already; choose another file")
    mixture = between(load_checkpoint(arguments.first), load_checkpoint(arguments.second), arguments.share)
    save_checkpoint(arguments.output, mixture)
    print(
        f"{arguments.output}: {1 - arguments.share:g} of {arguments.first}, {arguments.share:g} of {arguments.second}"
    )
