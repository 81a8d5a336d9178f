"""Reads one crop of a data set; a file that cannot be read is named."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from reid_contract import BadImage, decode
from reid_contract.images import upright_rgb
from training.data.records import DatasetError

# Occluded-REID and CUHK03 are published in formats that a service has no reason to accept.
RESEARCH_FORMATS = {".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", *RESEARCH_FORMATS})


def read_crop(path: Path) -> Image.Image:
    """An upright RGB image, decoded as the service decodes it. Raises DatasetError naming the file."""
    try:
        if path.suffix.lower() in RESEARCH_FORMATS:
            return _read_research_format(path)
        return decode(path.read_bytes())
    except BadImage as error:
        raise DatasetError(f"{path}: {error}") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read_research_format(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=[RESEARCH_FORMATS[path.suffix.lower()]]) as image:
            image.load()
            return upright_rgb(image)
    except UnidentifiedImageError as error:
        raise BadImage(f"not a {path.suffix} image") from error
    except (BadImage, OSError):
        raise
    except Exception as error:  # Pillow's plugins raise SyntaxError, TypeError, DecompressionBombError… on damage
        raise BadImage("the image is damaged") from error
