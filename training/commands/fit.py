"""Train PGFL-KD, its Baseline or a row of its ablations."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import get_args

from training.config import TrainConfig
from training.data.datasets import DATASETS
from training.distributed import processes
from training.fields import fields, override
from training.fit import Run, fit
from training.presets import Preset, preset

_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options: those of the run, and one for every field of the configuration."""
    parser.add_argument("--dataset", choices=DATASETS, help="needed, but with --resume")
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT", help="where the data set lies")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="the run's folder")
    parser.add_argument("--preset", choices=get_args(Preset), help="the configuration to start from (default: paper)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output, with its configuration")
    parser.add_argument(
        "--pose-cache", type=Path, metavar="DIR", help="heat maps made by `pose-cache` (default: made by the run)"
    )
    parser.add_argument("--stop-after", type=int, metavar="N", help="stop when N epochs of the run are done")
    parser.add_argument("--device", help="as torch names it (default: a GPU where there is one)")
    overrides = parser.add_argument_group("configuration", "defaults are those of the preset `paper`")
    for field in fields(TrainConfig()):
        if field.name != "dataset":
            overrides.add_argument(
                f"--{field.name}",
                dest=f"config.{field.name}",
                metavar=field.allowed.upper() if field.allowed.isalpha() else field.allowed,
                help=f"{field.help} (default {field.shown})".replace("%", "%%").strip(),
            )


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns 0, or 130 where it was stopped."""
    with processes(arguments.device) as peers:
        finished = fit(
            Run(configuration(arguments), arguments.data, arguments.output, arguments.pose_cache, arguments.stop_after),
            peers,
        )
        if not finished and peers.is_first:
            print(f"stopped and saved; to go on: {_command(arguments)}", file=sys.stderr)
    return 0 if finished else _INTERRUPTED


def _command(arguments: argparse.Namespace) -> str:
    """The same run, resumed."""
    places = {"--data": arguments.data, "--output": arguments.output}
    options = places | {"--pose-cache": arguments.pose_cache, "--device": arguments.device}
    given = [str(part) for option, value in options.items() if value for part in (option, value)]
    return shlex.join(["python", "-m", "training", "fit", *given, "--resume"])


def configuration(arguments: argparse.Namespace) -> TrainConfig | None:
    """The preset with the command line's overrides; None with --resume. Raises ValueError."""
    texts = {
        name.removeprefix("config."): text
        for name, text in vars(arguments).items()
        if name.startswith("config.") and text is not None
    }
    if arguments.resume:
        given = [*texts, *(name for name in ("preset", "dataset") if getattr(arguments, name))]
        if given:
            raise ValueError(f"--resume goes on with the run's own configuration; leave out --{', --'.join(given)}")
        return None
    if not arguments.dataset:
        raise ValueError(f"--dataset is missing; allowed: {', '.join(DATASETS)}")
    return override(preset(arguments.preset or "paper"), texts | {"dataset": arguments.dataset})
