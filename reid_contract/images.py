"""From bytes to an image, the same way wherever a crop enters: training, export and the service."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from reid_contract.errors import BadImage

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 16_000_000
_DEEPER = {"I", "F"}


def decode(data: bytes | bytearray | memoryview, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes one JPEG, PNG or WebP to an upright RGB image: its EXIF orientation applied, transparency ignored, and
    of 16 bits the upper eight.

    max_pixels: refused by its header, before a pixel is decoded. Raises BadImage.
    """
    if not len(data):
        raise BadImage("the image is empty (0 bytes)")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > max_pixels:
            raise BadImage(f"the image is {width}×{height}, {width * height:,} pixels; allowed: {max_pixels:,}")
        image.load()
        return upright_rgb(image)
    except UnidentifiedImageError:
        raise BadImage(f"not an image in an accepted format ({', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadImage(f"the image has far too many pixels; allowed: {max_pixels:,}") from None
    except BadImage:
        raise
    except (
        Exception
    ) as error:  # Pillow's plugins raise OSError, SyntaxError, ValueError, struct.error… on damaged files
        raise BadImage(f"the image is damaged: {type(error).__name__}") from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """Of an image as Pillow opens it. Raises BadImage for more than 16 bits: there is no telling what is white."""
    image = ImageOps.exif_transpose(image)
    if image.mode in _DEEPER:
        raise BadImage(f"the image's pixels are of mode {image.mode}, 32 bits; allowed: 8 or 16 bits a channel")
    if image.mode.startswith("I;16"):  # infrared, thermal; convert() would cut off at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")
