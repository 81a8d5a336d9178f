"""What goes into the contract beside the specs: the model id, the calibration, who wrote the file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from export.deployed import DeployedBranch
from reid_contract import Calibration, Precision, PreprocessSpec

_DIGITS = 12
_PROJECT = Path(__file__).resolve().parent.parent
_DECIDING = ("reid_contract", "training", "export")


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


def code_version() -> str:
    """The installed version, and in a checkout its commit, with `.dirty` where it was changed."""
    try:
        release = version("pgfl-kd-reid")
    except PackageNotFoundError:
        release = "0"
    commit = _git("rev-parse", "--short=10", "HEAD")
    if not commit:
        return release
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_DECIDING)
    return f"{release}+g{commit}{'.dirty' if changed else ''}"


def _git(*arguments: str) -> str:
    """What git says, or nothing where there is no git or no checkout."""
    try:
        answer = subprocess.run(
            ("git", "-C", str(_PROJECT), *arguments), capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
