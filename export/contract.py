"""What goes into the contract beside the specs: the model id, the calibration, who wrote the file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from export.deployed import DeployedBranch
from reid_contract import Calibration, Precision, PreprocessSpec

_DIGITS = 12


class MatchCalibration(NamedTuple):
    """model: the id of the file whose scores it was fitted on; for a checkpoint, which has no id, its name."""

    file: Path
    model: str
    calibration: Calibration


def read_match_calibration(file: Path) -> MatchCalibration:
    """What `python -m training calibrate` wrote, without its figures. Raises ValueError or OSError naming the file."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        fields = {field.name: body[field.name] for field in dataclasses.fields(Calibration)}
        return MatchCalibration(file, str(body["model"]), Calibration(**fields))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not a calibration of `python -m training calibrate`: {error}") from error


def check_same_model(fitted: MatchCalibration, exported: str) -> None:
    """Raises ValueError where the calibration is not of the model id `exported`: other models score otherwise."""
    if fitted.model != exported:
        raise ValueError(
            f"--match-calibration {fitted.file} was fitted on {fitted.model!r}, but the file would be {exported!r}; "
            "export without it, then give that file to `python -m training calibrate … --write`"
        )


def model_id(
    backbone: str, model: DeployedBranch, spec: PreprocessSpec, precision: Precision, calibration: str = ""
) -> str:
    """`<backbone>-<precision>-<hash>`: equal exactly where embeddings may be compared.

    The hash is over the weights before conversion, the preprocessing, the precision, and the digest of the crops that
    set an int8 file's ranges. The flavour is not in it: all flavours of one model give equal embeddings.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if name in ("multiplier", "offset") or name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    for part in (*sorted(spec.to_metadata().items()), precision, calibration):
        digest.update(repr(part).encode())
    return f"{backbone}-{precision}-{digest.hexdigest()[:_DIGITS]}"
