"""From bytes to an image, the same way wherever a crop enters: training, export and the service."""

from __future__ import annotations

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from reid_contract.errors import BadImage

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 16_000_000


def decode(data: bytes | bytearray | memoryview, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes one JPEG, PNG or WebP to an upright RGB image (its EXIF orientation applied, transparency on black).

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
        return ImageOps.exif_transpose(image).convert("RGB")
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
