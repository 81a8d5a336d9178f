"""What an export costs in the figures that count: mAP and Rank-1, by PyTorch and by the file."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.clients import as_client_sends
from export.deployed import DeployedBranch
from export.session import Session
from export.verify import VerificationFailed, reference_embeddings
from reid_contract import Flavour, Precision, PreprocessSpec
from training.data.records import Dataset
from training.evaluation.evaluation import labels
from training.evaluation.extract import Embed, extract
from training.evaluation.metrics import Metrics, evaluate_features

ALLOWED_LOSS: dict[Precision, float] = {"fp32": 0.05, "fp16": 0.1, "int8": 0.5}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Figures of the same crops, in percent."""

    pytorch: Metrics
    file: Metrics

    @property
    def losses(self) -> dict[str, float]:
        """Percentage points that the file is worse by; negative where it is better."""
        return {
            "mAP": self.pytorch.mAP - self.file.mAP,
            "rank1": self.pytorch.rank1 - self.file.rank1,
        }


def part_of(dataset: Dataset, identities: int | None) -> Dataset:
    """The queries and gallery crops of so many persons, evenly chosen among those queried; None for all of it.

    Without other persons and distractors the figures are higher than the data set's own, but the change is measured on
    the same crops. Raises ValueError for fewer than 2, and for more than are queried.
    """
    if identities is None:
        return dataset
    queried = sorted({record.person_id for record in dataset.query})
    if not 2 <= identities <= len(queried):
        raise ValueError(
            f"--identities is {identities}; allowed: 2 to {len(queried)}, the persons that {dataset.name} queries"
        )
    chosen = {queried[i * len(queried) // identities] for i in range(identities)}
    query, gallery = (
        tuple(record for record in records if record.person_id in chosen)
        for records in (dataset.query, dataset.gallery)
    )
    return replace(dataset, query=query, gallery=gallery)


def measure_pytorch(model: DeployedBranch, dataset: Dataset, spec: PreprocessSpec) -> Metrics:
    """The model before export, in the service's convention."""
    return _measure(lambda pixels: reference_embeddings(model, pixels), dataset, spec, "PyTorch")


def measure_file(session: Session, flavour: Flavour, dataset: Dataset, spec: PreprocessSpec) -> Metrics:
    """The file, fed as its client does it."""

    def embed(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return session.run(as_client_sends(flavour, pixels))

    return _measure(embed, dataset, spec, "the file")


def check_accuracy(accuracy: Accuracy, precision: Precision, allowed: float | None = None) -> None:
    """Raises VerificationFailed where mAP or Rank-1 lose more points than allowed (by default: by precision)."""
    limit = ALLOWED_LOSS[precision] if allowed is None else allowed
    lost = {name: loss for name, loss in accuracy.losses.items() if not loss <= limit}  # nan fails too
    if lost:
        numbers = ", ".join(f"{name} loses {loss:.2f} points" for name, loss in lost.items())
        raise VerificationFailed(f"the {precision} file is worse than PyTorch: {numbers}; allowed: {limit}")


def _measure(embed: Embed, dataset: Dataset, spec: PreprocessSpec, who: str) -> Metrics:
    query, gallery = (
        extract(embed, records, spec, progress=f"{who}, {len(records):,} crops of {dataset.name}")
        for records in (dataset.query, dataset.gallery)
    )
    query_labels, gallery_labels = labels(dataset.query), labels(dataset.gallery)
    return evaluate_features(
        query, gallery, query_labels.ids, gallery_labels.ids, query_labels.cameras, gallery_labels.cameras
    )
