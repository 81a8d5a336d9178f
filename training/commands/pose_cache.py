"""Runs a pose estimator once over a data set; training then reads the heat maps from disk."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from reid_contract import PreprocessSpec, preprocess
from training.data.crops import read_crop
from training.data.datasets import DATASETS, load_dataset
from training.data.records import Record
from training.devices import usable_device
from training.pose.cache import PoseCache
from training.pose.contact_sheet import contact_sheet
from training.pose.estimators import ESTIMATORS, load_estimator
from training.pose.run import fill_cache

_SHEET_CROPS = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument("--data", required=True, type=Path, metavar="ROOT", help="where the data set lies")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="the cache; an unfinished one goes on"
    )
    parser.add_argument("--split", default="train", choices=("train", "query", "gallery"), help="default: train")
    parser.add_argument("--estimator", default="movenet", choices=ESTIMATORS, help="default: movenet, which is shipped")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="the estimator's checkpoint; needed for HRNet")
    parser.add_argument("--height", type=int, default=256, help="of the crops it sees, in pixels (default 256)")
    parser.add_argument("--width", type=int, default=128, help="of the crops it sees, in pixels (default 128)")
    parser.add_argument("--batch-size", type=int, default=32, help="crops at a time (default 32)")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="default: a GPU if there is one"
    )


def run(arguments: argparse.Namespace) -> None:
    """Fills the cache and writes DIR/contact-sheet.png."""
    _check(arguments)
    device = usable_device(arguments.device)
    dataset = load_dataset(arguments.dataset, arguments.data)
    records: tuple[Record, ...] = getattr(dataset, arguments.split)
    if not records:
        raise ValueError(f"{arguments.dataset} has no {arguments.split} crops")
    spec = PreprocessSpec(height=arguments.height, width=arguments.width)
    estimator = load_estimator(arguments.estimator, arguments.weights)
    cache = PoseCache.create(arguments.output, records, estimator.label, (spec.height // 4, spec.width // 4))
    with _progress(cache) as progress:
        task = progress.task_ids[0]
        try:
            fill_cache(
                cache,
                records,
                estimator.network,
                spec,
                batch_size=arguments.batch_size,
                device=device,
                on_progress=lambda done: progress.update(task, completed=done),
            )
        except KeyboardInterrupt:
            progress.console.print(f"kept {cache.info.done:,} of {len(records):,}; the same command goes on from there")
            raise
    sheet = arguments.output / "contact-sheet.png"
    _contact_sheet(cache, records, spec, sheet)
    print(f"{len(records):,} crops in {arguments.output}; look at {sheet} before you train with it")


def _check(arguments: argparse.Namespace) -> None:
    if arguments.batch_size < 1:
        raise ValueError(f"--batch-size is {arguments.batch_size}; allowed: 1 or more")
    for name in ("height", "width"):
        if getattr(arguments, name) < 32 or getattr(arguments, name) % 32:
            raise ValueError(f"--{name} is {getattr(arguments, name)}; allowed: multiples of 32")


def _progress(cache: PoseCache) -> Progress:
    columns = (TextColumn("key points"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    progress = Progress(*columns)
    progress.add_task("", total=len(cache), completed=cache.info.done)
    return progress


class _Speed(ProgressColumn):
    """Crops a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} crops/s" if task.speed else "")


def _contact_sheet(cache: PoseCache, records: tuple[Record, ...], spec: PreprocessSpec, file: Path) -> None:
    """The same crops every time, spread over the data set."""
    count = min(_SHEET_CROPS, len(records))
    chosen = np.random.default_rng(0).choice(len(records), count, replace=False)
    crops = np.stack([preprocess(read_crop(records[index].path), spec) for index in chosen])
    contact_sheet(crops, cache.read(chosen)).save(file)
