"""What a run leaves behind: config.json, log.jsonl, curves.png, metrics.json, last.pt and TensorBoard's files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainConfig
from training.curves import draw_curves
from training.files import write_together

CHECKPOINT_FILE = "last.pt"


class RunFolder:
    """A folder for one run; written to by the first process only.

    Raises FileExistsError where it holds another run already, FileNotFoundError where there is none to resume.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self.checkpoint_file = path / CHECKPOINT_FILE
        self._log_file = path / "log.jsonl"
        if resume and not self.checkpoint_file.is_file():
            raise FileNotFoundError(f"{path} has no {CHECKPOINT_FILE} to resume from")
        if not resume and self.checkpoint_file.exists():
            raise FileExistsError(f"{path} holds a run; --resume goes on with it, or choose another --output")

    def last_checkpoint(self) -> Checkpoint:
        """The last checkpoint."""
        return load_checkpoint(self.checkpoint_file)

    def begin(self, config: TrainConfig, taken: int) -> None:
        """Makes the folder and writes the configuration. Log lines of what the checkpoint has not seen are dropped:
        those steps, above `taken`, are run again."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.checkpoint_file.exists():
            self._log_file.unlink(missing_ok=True)
        elif self._log_file.is_file():
            kept = (json.dumps(line) + "\n" for line in self.log() if line["step"] <= taken)
            write_together({self._log_file: "".join(kept).encode()})
        self._write_json("config.json", dataclasses.asdict(config))

    def tensorboard(self, step: int) -> SummaryWriter:
        """A writer that hides what an interrupted run wrote beyond `step`."""
        return SummaryWriter(str(self.path / "tensorboard"), purge_step=step)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces last.pt."""
        save_checkpoint(self.checkpoint_file, checkpoint)

    def log(self) -> list[dict[str, Any]]:
        """One object for each epoch so far. A last line that was cut off is left out: a full disk, a killed process.

        Raises ValueError naming any other line that is not an object in JSON."""
        if not self._log_file.is_file():
            return []
        *whole, last = self._log_file.read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n")
        for number, line in enumerate(whole, 1):
            if not _is_json(line):
                raise ValueError(f"{self._log_file}, line {number}, is {line[:40]!r}; allowed: an object in JSON")
        return [json.loads(line) for line in ([*whole, last] if _is_json(last) else whole)]

    def append(self, epoch: dict[str, Any]) -> None:
        """Adds a line to log.jsonl and redraws curves.png."""
        with self._log_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(epoch) + "\n")
        draw_curves(self.log(), self.path / "curves.png")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """The final figures."""
        self._write_json("metrics.json", metrics)

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        write_together({self.path / name: (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()})


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
