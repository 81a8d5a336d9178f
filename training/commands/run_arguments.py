"""Options that `ablate`, `compare` and `sweep` share: one budget for all runs, and where they go."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from functools import partial
from pathlib import Path
from typing import get_args

from training.commands.model_arguments import add_data_arguments
from training.config import TrainConfig
from training.data.datasets import load_dataset
from training.data.records import Dataset
from training.distributed import Processes, processes, wait_for_all
from training.evaluation.ablation import Result, Row, run_all
from training.evaluation.metrics import EvaluationError
from training.fields import fields, override
from training.fit import Run, content, fit
from training.presets import Preset, preset


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The data set, the budget and the seeds."""
    add_data_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="runs, table and plot; resumable")
    parser.add_argument("--preset", default="paper", choices=get_args(Preset), help="the budget (default: paper)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="any option of `fit`, for all runs alike"
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each scheme (default 1)")
    parser.add_argument("--pose-cache", type=Path, metavar="DIR", help="of the training crops (default: made once)")
    parser.add_argument("--device", help="as torch names it (default: a GPU where there is one)")


def base_config(arguments: argparse.Namespace) -> TrainConfig:
    """The budget that all runs share. Raises ValueError."""
    if arguments.seeds < 1:
        raise ValueError(f"--seeds is {arguments.seeds}; allowed: 1 or more")
    return dataclasses.replace(assign(preset(arguments.preset), arguments.set, "--set"), dataset=arguments.dataset)


def assign(config: TrainConfig, assignments: list[str], option: str) -> TrainConfig:
    """The configuration with some fields changed. option: names what the texts FIELD=VALUE were given with.

    Raises ValueError.
    """
    texts = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ValueError(f"{option} is {assignment!r}; allowed: FIELD=VALUE, such as epochs=30")
        texts[name] = value
    known = {field.name for field in fields(TrainConfig())} - {"seed", "dataset"}
    if unknown := sorted(set(texts) - known):
        raise ValueError(f"{option} does not know {unknown[0]!r}; allowed: {', '.join(sorted(known))}")
    return override(config, texts)


def run_configs(arguments: argparse.Namespace, configs: dict[Row, TrainConfig]) -> list[Result]:
    """Trains and measures every scheme with every seed; nothing is returned where another process reports.

    Raises EvaluationError for data without a test split, ValueError.
    """
    dataset = load_dataset(arguments.dataset, arguments.data)
    _check(arguments, configs, dataset)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with processes(arguments.device) as peers:
        one = partial(_run_one, arguments=arguments, peers=peers)
        results = run_all(configs, range(arguments.seeds), arguments.output, one, data=content(dataset))
        return results if peers.is_first else []


def _check(arguments: argparse.Namespace, configs: dict[Row, TrainConfig], dataset: Dataset) -> None:
    if not dataset.query:
        raise EvaluationError(f"data set {arguments.dataset!r} has no query split; schemes cannot be compared on it")
    estimators = {(config.estimator, config.estimator_weights) for config in configs.values()}
    if arguments.pose_cache and len(estimators) > 1:
        raise ValueError(
            f"--pose-cache {arguments.pose_cache} holds the heat maps of one estimator, and the schemes are of "
            f"{len(estimators)}; leave it out, and each makes its own"
        )


def _run_one(config: TrainConfig, folder: Path, *, arguments: argparse.Namespace, peers: Processes) -> None:
    resumed = (folder / "last.pt").is_file()
    wait_for_all()  # a process that is late must not find what another has begun
    pose = arguments.pose_cache or arguments.output / _pose_folder(config)
    if peers.is_first:
        print(f"{'going on with' if resumed else 'training'} {folder.parent.name}, seed {config.seed}")
    finished = fit(Run(None if resumed else config, arguments.data, folder, pose), peers)
    wait_for_all()  # the first process evaluates; the others would read figures that are not there yet
    if not finished:
        raise KeyboardInterrupt


def _pose_folder(config: TrainConfig) -> str:
    """One for each estimator and choice of persons: heat maps of two must not be taken for each other."""
    parts = ["pose"]
    if config.estimator != "movenet" or config.estimator_weights:
        parts.append(config.estimator)
    if config.estimator_weights:
        parts.append(hashlib.sha256(config.estimator_weights.encode()).hexdigest()[:8])
    if config.hold_out:
        parts.append(f"without-{config.hold_out:g}")
    return "-".join(parts)
