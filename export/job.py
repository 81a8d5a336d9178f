"""What every step of one export needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from export.accuracy import Accuracy, measure_file, measure_pytorch
from export.contract import MatchCalibration
from export.crops import Crops
from export.deployed import DeployedBranch
from export.request import Request
from export.session import Session
from export.source import Source
from export.verify import reference_embeddings
from training.data.records import Dataset
from training.evaluation.metrics import Metrics

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One export. model: in the service's convention, the measure of all flavours. crops: to verify on."""

    request: Request
    source: Source
    model: DeployedBranch
    match_calibration: MatchCalibration | None
    dataset: Dataset | None
    crops: Crops
    say: Say

    @cached_property
    def expected(self) -> NDArray[np.float32]:
        """Embeddings of `crops` by PyTorch, (N, D)."""
        return reference_embeddings(self.model, self.crops.pixels)

    def accuracy_of(self, session: Session) -> Accuracy | None:
        """What the file costs on the data set; None where none was given, or one for training only."""
        if self.dataset is None or not self.dataset.query:
            return None
        return Accuracy(
            self._pytorch_metrics, measure_file(session, self.request.flavour, self.dataset, self.source.spec)
        )

    @cached_property
    def _pytorch_metrics(self) -> Metrics:
        """Measured once, however many files are compared with it."""
        assert self.dataset is not None
        return measure_pytorch(self.model, self.dataset, self.source.spec)
