"""What a run tells while it goes: a live line, log.jsonl, curves.png and TensorBoard."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from torch.utils.tensorboard import SummaryWriter

from training.config import TrainConfig
from training.run_folder import RunFolder
from training.trainer import Step

_SCALARS_EVERY = 10  # steps


class Report:
    """Follows one session of a run, step by step; only the first process has one.

    steps_per_epoch: of the run. taken: steps before this session.
    """

    def __init__(self, folder: RunFolder, config: TrainConfig, steps_per_epoch: int, taken: int) -> None:
        self._folder, self._config, self._steps_per_epoch = folder, config, steps_per_epoch
        self._total = config.epochs * steps_per_epoch
        self._writer: SummaryWriter = folder.tensorboard(taken)
        self._console = Console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=steps_per_epoch, said="")
        self._begin_epoch()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._writer.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Without the live line, while another progress bar is shown."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def step(self, step: Step, *, taken: int, waited: float, learning_rate: float) -> None:
        """After each step. taken: in the run, with this one. waited: seconds for its batch."""
        self._steps += 1
        self._waited += waited
        for name, value in step.losses.items():
            self._sums[name] += value
        if taken % _SCALARS_EVERY == 0:
            self._scalars("loss", step.losses, taken)
            self._scalars("run", {"learning_rate": learning_rate, "crops_per_second": self._speed()}, taken)
        self._scalars("gradient_norm", step.pulls, taken)
        left = (self._total - taken) / self._speed() * self._config.batch_size
        said = f"loss {step.losses['total']:.3f}  {self._speed():.0f} crops/s  {duration(left)} left"
        epoch, number = divmod(taken - 1, self._steps_per_epoch)
        description = f"epoch {epoch + 1}/{self._config.epochs}"
        self._progress.update(self._task, completed=number + 1, description=description, said=said)

    def epoch(self, *, taken: int, learning_rate: float) -> None:
        """After each epoch, or the part of one that was done when the run was stopped."""
        seconds = time.perf_counter() - self._began
        epoch = -(-taken // self._steps_per_epoch)
        losses = {name: value / self._steps for name, value in self._sums.items()}
        line = {
            "epoch": epoch,
            "step": taken,
            "learning_rate": learning_rate,
            "size": list(self._config.size_at(epoch - 1)),
            "seconds": round(seconds, 2),
            "crops_per_second": round(self._speed(), 2),
            "waited_share": round(self._waited / seconds, 4),
            "losses": losses,
        }
        self._folder.append(line)
        said = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self.say(f"epoch {epoch}/{self._config.epochs}  {said}  {self._speed():.0f} crops/s  {duration(seconds)}")
        self._begin_epoch()

    def evaluation(self, metrics: dict[str, float], *, taken: int) -> None:
        """After each evaluation."""
        epoch = taken // self._steps_per_epoch
        self._folder.append({"epoch": epoch, "step": taken, "metrics": metrics})
        self._scalars("test", metrics, taken)
        self.say(f"epoch {epoch}/{self._config.epochs}  mAP {metrics['mAP']:.1f}  Rank-1 {metrics['rank1']:.1f}")
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._began, self._steps, self._waited = time.perf_counter(), 0, 0.0
        self._sums: defaultdict[str, float] = defaultdict(float)

    def _speed(self) -> float:
        return self._steps * self._config.batch_size / (time.perf_counter() - self._began)

    def _scalars(self, group: str, values: Mapping[str, float], taken: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, taken)


def duration(seconds: float) -> str:
    """42s, 12m 3s, or 2h 10m."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"
