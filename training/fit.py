"""One training run from data set to metrics: epochs, checkpoints, evaluation, and a tidy end on Ctrl-C."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from training.allocator import keep_freed_memory
from training.batches import Batches
from training.checkpoint import Checkpoint
from training.config import TrainConfig
from training.data.datasets import load_dataset
from training.data.holdout import held_out
from training.data.packed import PackedCrops
from training.data.records import Dataset, Record
from training.data.sampler import PKSampler
from training.distributed import Processes, any_of_us
from training.evaluation.checkpoint_model import CheckpointModel
from training.evaluation.evaluation import embed_dataset, evaluate
from training.evaluation.metrics import EvaluationError, to_json
from training.heatmaps import estimator_of, open_heatmaps
from training.interrupt import Interrupt, interruptible
from training.pose.cache import fingerprint
from training.report import Report
from training.run_folder import RunFolder
from training.trainer import Trainer


@dataclass(frozen=True)
class Run:
    """Where a run reads and writes.

    config: None takes that of the run in `output`, and goes on with it. data: the data set's folder. output: the run's
    folder. pose_cache: heat maps of the training crops; where there are none, MoveNet makes them. stop_after: epochs
    of the run after which it stops as if by Ctrl-C.
    """

    config: TrainConfig | None
    data: Path
    output: Path
    pose_cache: Path | None = None
    stop_after: int | None = None


def fit(run: Run, processes: Processes) -> bool:
    """Trains. Returns whether the run came to its end; False where it was stopped, with everything saved.

    On a CPU the process keeps its memory from then on (training/allocator.py).
    """
    if run.stop_after is not None and run.stop_after < 1:
        raise ValueError(f"--stop-after is {run.stop_after}; allowed: 1 or more")
    if processes.device.type == "cpu":
        keep_freed_memory()
    folder = RunFolder(run.output, resume=run.config is None)
    checkpoint = folder.last_checkpoint() if run.config is None else None
    config = checkpoint.config if checkpoint else run.config
    assert config is not None
    dataset = load_dataset(config.dataset, run.data)
    data = content(dataset)
    _check_test_split(dataset, config)
    dataset = replace(dataset, train=held_out(dataset.train, config.hold_out)[0])
    batches = load_batches(config, dataset, run.pose_cache or run.output / "pose", processes)
    classes = len(batches.crops.classes)
    inputs = _inputs(dataset, batches)
    if checkpoint:
        _check_same(checkpoint, classes, inputs, run.data)
    trainer = Trainer(config, classes, len(batches), processes, checkpoint, inputs=inputs)
    with interruptible() as interrupt, _report(folder, trainer) as report:
        if report and config.evaluate_every and not trainer.taken:
            folder.save(trainer.checkpoint())
        if report:  # a run that was killed while it evaluated has not done so yet
            _evaluate_where_due(folder, trainer, dataset, report)
        while trainer.epoch < min(config.epochs, run.stop_after or config.epochs):
            stopped = train_epoch(trainer, batches, report, interrupt)
            if report:
                report.epoch(taken=trainer.taken, learning_rate=trainer.learning_rate)
                folder.save(trainer.checkpoint())
                _evaluate_where_due(folder, trainer, dataset, report)
            if stopped:
                return False
        if report and trainer.epoch == config.epochs:
            _finish(folder, trainer, dataset, report, data)
    return trainer.epoch == config.epochs


def content(dataset: Dataset) -> str:
    """What a data set holds: another one under the same name is another."""
    records = (*dataset.train, *dataset.query, *dataset.gallery)
    return f"{fingerprint(records)}-{_hash((record.person_id, record.camera_id) for record in records)}"


def _labels(records: Sequence[Record]) -> str:
    return _hash(record.person_id for record in records)


def _hash(labels: Iterable[object]) -> str:
    return hashlib.sha256(" ".join(map(str, labels)).encode()).hexdigest()[:32]


def _check_test_split(dataset: Dataset, config: TrainConfig) -> None:
    """What an evaluation would refuse after hours of training."""
    if config.evaluate_every and not dataset.query:
        raise ValueError(f"evaluate_every is {config.evaluate_every}; allowed: 0, for {dataset.name!r} has no queries")
    cameras: dict[int, set[int]] = defaultdict(set)
    for record in dataset.gallery:
        cameras[record.person_id].add(record.camera_id)
    if dataset.query and not any(cameras[record.person_id] - {record.camera_id} for record in dataset.query):
        raise EvaluationError(
            f"none of the {len(dataset.query)} queries of {dataset.name!r} has a match: no gallery crop of the same "
            "person on another camera"
        )


def load_batches(config: TrainConfig, dataset: Dataset, pose_cache: Path, processes: Processes) -> Batches:
    """Packs the training crops, opens or makes their heat maps, and sees that P×K batches can be drawn."""
    crops = PackedCrops.pack(dataset.train, config.spec, progress=processes.is_first)
    sampler = PKSampler(crops.person_ids, identities=config.identities, images=config.images, seed=config.seed)
    pose, estimator = None, None
    if config.model.needs_pose and config.pose == "cache":
        pose = open_heatmaps(config, dataset.train, pose_cache, processes)
    elif config.model.needs_pose:
        estimator = estimator_of(config).network.to(processes.device)
    crops = crops.to(processes.device)
    return Batches(config, crops, sampler, pose, estimator, rank=processes.rank, world_size=processes.world_size)


def _inputs(dataset: Dataset, batches: Batches) -> dict[str, str]:
    """What a resumed run must find again, or it would silently become another run."""
    inputs = {"training crops": fingerprint(dataset.train), "training labels": _labels(dataset.train)}
    if batches.pose is not None:
        made = batches.pose.info
        inputs["heat maps"] = f"{made.estimator}, {made.height}×{made.width}"
    return inputs


def _check_same(checkpoint: Checkpoint, classes: int, inputs: dict[str, str], data: Path) -> None:
    if checkpoint.classes != classes:
        raise ValueError(f"the run is of {checkpoint.classes:,} identities; {data} has {classes:,} for training")
    for name, then in checkpoint.inputs.items():  # a checkpoint of an older version names none
        if (now := inputs.get(name)) != then:
            raise ValueError(
                f"the run began with the {name} {then!r}, not {now!r}; give the --data and --pose-cache it began with"
            )


def train_epoch(trainer: Trainer, batches: Batches, report: Report | None, interrupt: Interrupt) -> bool:
    """The rest of the epoch the trainer is in. Returns whether someone asked to stop, at the end of a step."""
    trainer.prepare()
    for batch in batches.epoch(trainer.epoch, trainer.step_in_epoch):
        learning_rate = trainer.learning_rate
        step = trainer.step(batch)
        if report:
            report.step(step, taken=trainer.taken, waited=batch.waited, learning_rate=learning_rate)
        if any_of_us(interrupt.asked, trainer.processes.device):
            return True
    return False


@contextmanager
def _report(folder: RunFolder, trainer: Trainer) -> Iterator[Report | None]:
    """A report in the first process, which also begins the folder; None in the others."""
    if not trainer.processes.is_first:
        yield None
        return
    folder.begin(trainer.config, trainer.taken)
    with Report(folder, trainer.config, trainer.steps_per_epoch, trainer.taken) as report:
        yield report


def _evaluate_where_due(folder: RunFolder, trainer: Trainer, dataset: Dataset, report: Report) -> None:
    """Measures at the ends of epochs that evaluate_every names, once."""
    every = trainer.config.evaluate_every
    due = every and trainer.step_in_epoch == 0 and trainer.epoch % every == 0
    if due and not _measured(folder, trainer):
        _evaluate(folder, trainer, dataset, report)


def _measured(folder: RunFolder, trainer: Trainer) -> dict[str, float] | None:
    """The figures of the weights as they are, where the log has them."""
    logged = [line["metrics"] for line in folder.log() if "metrics" in line and line["step"] == trainer.taken]
    return logged[-1] if logged else None


def _evaluate(folder: RunFolder, trainer: Trainer, dataset: Dataset, report: Report) -> dict[str, float]:
    """Measures the checkpoint just saved on the data set's test split."""
    with report.paused(), torch.random.fork_rng(devices=[]):  # rebuilding the network draws from the run's numbers
        model = CheckpointModel(folder.checkpoint_file, device=str(trainer.processes.device))
        query, gallery = embed_dataset(model, dataset, progress=True)
        metrics = to_json(evaluate(query, gallery).results.metrics())
    report.evaluation(metrics, taken=trainer.taken)
    return metrics


def _finish(folder: RunFolder, trainer: Trainer, dataset: Dataset, report: Report, data: str) -> None:
    """Writes metrics.json; a data set without a test split has nothing to measure. data: its `content`."""
    if not dataset.query:
        return
    metrics = _measured(folder, trainer) or _evaluate(folder, trainer, dataset, report)
    about = {"dataset": dataset.name, "synthetic": dataset.synthetic, "data": data, "epochs": trainer.epoch}
    folder.write_metrics({**metrics, **about})
