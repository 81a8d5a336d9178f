"""What training and serving must agree on, in exactly one place. Depends on numpy and Pillow only."""

from reid_contract.calibration import Calibration, Threshold
from reid_contract.embedding import EmbeddingSpec
from reid_contract.errors import BadImage, ContractError
from reid_contract.images import decode
from reid_contract.preprocessing import PreprocessSpec, normalise, preprocess
from reid_contract.provenance import Flavour, Precision, Provenance

__all__ = [
    "BadImage",
    "Calibration",
    "ContractError",
    "EmbeddingSpec",
    "Flavour",
    "Precision",
    "PreprocessSpec",
    "Provenance",
    "Threshold",
    "decode",
    "normalise",
    "preprocess",
]
