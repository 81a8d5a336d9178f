"""The numbers agree, or there is no file: embeddings of the graph against those of PyTorch, crop by crop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from export.clients import as_client_sends
from export.deployed import DeployedBranch
from export.session import Session
from reid_contract import Flavour, Precision

BATCHES = (1, 3, 16, 64)  # 1 and an odd size show a batch that was baked into the graph
WORST_COSINE: dict[Precision, float] = {"fp32": 0.99999, "fp16": 0.9999, "int8": 0.98}
_LENGTH_TOLERANCE = 1e-3


class VerificationFailed(ValueError):
    """The file does not give the embeddings of the model it was made from; the message has the numbers."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Cosines between embeddings of the same crops by PyTorch and by the file, in one batch of so many crops."""

    batch: int
    worst: float
    mean: float


def reference_embeddings(model: DeployedBranch, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What PyTorch says: `model` follows the service's convention. (N, H, W, 3) uint8 -> (N, D) float32."""
    with torch.inference_mode():
        parts = [model(torch.from_numpy(pixels[i : i + 16])) for i in range(0, len(pixels), 16)]
        return np.asarray(torch.cat(parts).numpy())


def parity(
    session: Session, flavour: Flavour, pixels: NDArray[np.uint8], expected: NDArray[np.float32]
) -> list[Parity]:
    """Cosines at every batch size, fed as the flavour's client does it. Crops are repeated where there are too few.

    pixels: (N, H, W, 3) uint8 RGB. expected: (N, D) of length 1. Raises VerificationFailed for a wrong shape or type,
    for numbers that are not finite and for rows that are not of length 1.
    """
    found = []
    for batch in BATCHES:
        chosen = np.arange(batch) % len(pixels)
        rows = session.run(as_client_sends(flavour, pixels[chosen]))
        _check_rows(rows, (batch, expected.shape[1]))
        cosines = (rows.astype(np.float64) * expected[chosen].astype(np.float64)).sum(axis=1)
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1) * np.linalg.norm(expected[chosen], axis=1)
        cosines /= lengths
        found.append(Parity(batch, float(cosines.min()), float(cosines.mean())))
    return found


def check_parity(found: list[Parity], precision: Precision) -> None:
    """Raises VerificationFailed where the worst cosine is below what the precision allows."""
    allowed = WORST_COSINE[precision]
    failed = [f"batch {p.batch}: worst cosine {p.worst:.6f}" for p in found if not p.worst >= allowed]
    if failed:
        raise VerificationFailed(
            f"the {precision} file differs from PyTorch: {'; '.join(failed)}; allowed: {allowed} and above"
        )


def check_stripped(proto: onnx.ModelProto, model: DeployedBranch) -> None:
    """Raises VerificationFailed for a tensor in the graph that no deployed part owns, and for more numbers than all of
    them together have."""
    own = dict((*model.named_parameters(), *model.named_buffers()))
    small = 64  # shapes, axes, epsilons and pixel arithmetic: the exporter's own constants
    sizes = {tensor.name: int(np.prod(tensor.dims, dtype=np.int64)) for tensor in proto.graph.initializer}
    large = {name: size for name, size in sizes.items() if size > small}
    if foreign := [name for name in large if "." in name and not _belongs(name, own)]:
        raise VerificationFailed(f"the graph holds tensors that are not of the deployed branch: {foreign[:5]}")
    held, allowed = sum(large.values()), sum(tensor.numel() for tensor in own.values())
    if held > allowed:
        raise VerificationFailed(f"the graph holds {held:,} numbers; the deployed branch has {allowed:,}")


def _belongs(name: str, own: Iterable[str]) -> bool:
    """The exporter names a folded tensor after the first one that went into it, `…conv1.weight_fused`, and one that it
    transposed or standardised after nothing of the model, `val_4`: those are counted only."""
    return any(name == part or name.startswith(f"{part.rpartition('.')[0]}.") for part in own)


def _check_rows(rows: NDArray[np.float32], shape: tuple[int, int]) -> None:
    if rows.shape != shape or rows.dtype != np.float32:
        raise VerificationFailed(f"the file gives {rows.dtype} {rows.shape}; needed: float32 {shape}")
    lengths = np.linalg.norm(rows, axis=1)
    if not (np.abs(lengths - 1) < _LENGTH_TOLERANCE).all():  # also true of nan
        raise VerificationFailed(f"embeddings have lengths from {lengths.min()} to {lengths.max()}; needed: 1")
