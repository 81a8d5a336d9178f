"""What training and serving must agree on, in exactly one place. Depends on numpy and Pillow only."""

from reid_contract.calibration import Calibration, Threshold
from reid_contract.embedding import EmbeddingSpec
from reid_contract.errors import BadImage, ContractError
from reid_contract.images import decode
from reid_contract.preprocessing import PreprocessSpec, normalise, preprocess
from reid_contract.provenance import Flavour, Precision, Provenance
from reid_contract.signature import INPUT, OUTPUT, check_signature

__all__ = [
    "INPUT",
    "OUTPUT",
    "BadImage",
    "Calibration",
    "ContractError",
    "EmbeddingSpec",
    "Flavour",
    "Precision",
    "PreprocessSpec",
    "Provenance",
    "Threshold",
    "check_signature",
    "decode",
    "normalise",
    "preprocess",
]
