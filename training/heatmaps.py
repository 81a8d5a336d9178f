"""Heat maps of the training crops for a run: from their cache, which is made first where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from training.config import TrainConfig
from training.data.records import Record
from training.distributed import Processes, wait_for_all
from training.pose.cache import ABOUT, PoseCache, read_info
from training.pose.estimators import Estimator, load_estimator
from training.pose.run import fill_cache

_BATCH = 32


def open_heatmaps(config: TrainConfig, records: Sequence[Record], path: Path, processes: Processes) -> PoseCache:
    """The cache at `path`. Where there is none, or one that was not finished, the first process makes it with the
    configuration's estimator. Raises PoseCacheError where it belongs to other images.
    """
    if processes.is_first and not _finished(path):
        _estimate(config, records, path, processes)
    wait_for_all()
    return PoseCache.open(path, records)


def estimator_of(config: TrainConfig) -> Estimator:
    """The configuration's pose estimator."""
    return load_estimator(config.estimator, Path(config.estimator_weights) if config.estimator_weights else None)


def _finished(path: Path) -> bool:
    if not (path / ABOUT).is_file():
        return False
    about = read_info(path)
    return about.done == about.count


def _estimate(config: TrainConfig, records: Sequence[Record], path: Path, processes: Processes) -> None:
    estimator = estimator_of(config)
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
