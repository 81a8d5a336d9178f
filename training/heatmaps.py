"""Heat maps of the training crops for a run: from their cache, which is made first where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from training.config import TrainConfig
from training.data.records import Record
from training.distributed import Processes, wait_for_all
from training.pose.cache import PoseCache
from training.pose.estimators import load_estimator
from training.pose.run import fill_cache

_BATCH = 32


def open_heatmaps(config: TrainConfig, records: Sequence[Record], path: Path, processes: Processes) -> PoseCache:
    """The cache at `path`; where none is finished there, MoveNet makes it, once, in the first process.

    Raises PoseCacheError where it belongs to other images.
    """
    if processes.is_first and not _finished(path):
        _estimate(config, records, path, processes)
    wait_for_all()
    return PoseCache.open(path, records)


def _finished(path: Path) -> bool:
    """Only whether there is something to open; `open` then says what is wrong with it."""
    return (path / "cache.json").is_file()


def _estimate(config: TrainConfig, records: Sequence[Record], path: Path, processes: Processes) -> None:
    estimator = load_estimator("movenet")
    cache = PoseCache.create(path, records, estimator.label, (config.height // 4, config.width // 4))
    with Progress() as bar:
        task = bar.add_task("key points, once", total=len(records))
        fill_cache(
            cache,
            records,
            estimator.network,
            config.spec,
            batch_size=_BATCH,
            device=processes.device,
            on_progress=lambda done: bar.update(task, completed=done),
        )
