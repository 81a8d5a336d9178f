"""One crop, the same numbers everywhere."""

from __future__ import annotations

import contextlib
import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reid_contract import BadImage, PreprocessSpec, decode, normalise, preprocess

SPEC = PreprocessSpec(256, 128)


def noise(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@given(st.integers(1, 300), st.integers(1, 300))
def test_any_size_becomes_the_models(height: int, width: int) -> None:
    pixels = preprocess(noise(height, width), PreprocessSpec(32, 16))
    assert pixels.shape == (32, 16, 3)
    assert pixels.dtype == np.uint8


def test_a_crop_of_the_models_size_is_not_touched() -> None:
    image = noise(256, 128)
    assert np.array_equal(preprocess(image, SPEC), np.asarray(image))
    assert np.array_equal(preprocess(np.asarray(image), SPEC), np.asarray(image))


def test_shrinking_is_antialiased() -> None:
    """A fine chequerboard becomes grey, not noise: this is where libraries' "bilinear" differ."""
    board = (np.indices((512, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = preprocess(Image.fromarray(board), PreprocessSpec(64, 32))
    assert np.ptp(pixels[4:-4, 4:-4].astype(int)) <= 2


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.new(mode, (60, 90)) if mode == "I;16" else noise(90, 60).convert(mode)
    assert preprocess(image, SPEC).shape == (256, 128, 3)


def test_normalise_by_hand() -> None:
    pixels = np.array([0, 128, 255], np.uint8).reshape(1, 1, 1, 3)
    spec = PreprocessSpec(1, 1, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.1))
    expected = [(0 - 0.5) / 0.5, (128 / 255 - 0.4) / 0.25, (1 - 0.3) / 0.1]
    assert normalise(pixels, spec).ravel() == pytest.approx(expected, rel=1e-6)
    assert normalise(pixels, spec).shape == (1, 3, 1, 1)
    bgr = PreprocessSpec(1, 1, mean=(0, 0, 0), std=(1, 1, 1), colour_order="bgr", value_range=(-1, 1))
    assert normalise(pixels, bgr).ravel() == pytest.approx([1, 128 / 255 * 2 - 1, -1], abs=1e-6)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_that_is_no_crop_is_refused(array: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=r"must be \(h, w, 3\) uint8"):
        preprocess(array, SPEC)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_decode_reads_the_accepted_formats(kind: str) -> None:
    image = decode(encoded(noise(90, 60), kind))
    assert (image.mode, image.size) == ("RGB", (60, 90))


def test_decode_turns_the_image_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90° clockwise to show"
    assert decode(encoded(noise(60, 90), "JPEG", exif=exif)).size == (60, 90)


def bomb() -> bytes:
    """A PNG header that promises 30,000 × 30,000 pixels; nothing of them needs to be there."""
    small = encoded(Image.new("RGB", (1, 1)))
    header = small[:16] + (30_000).to_bytes(4, "big") * 2 + small[24:29]
    crc = zlib.crc32(header[12:29]).to_bytes(4, "big")
    return header + crc + small[33:]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"hello, I am a text file", "not an image in an accepted format"),
        (encoded(noise(90, 60), "JPEG")[:900], "damaged"),
        (encoded(noise(90, 60), "GIF"), "not an image in an accepted format"),
        (encoded(noise(90, 60), "BMP"), "not an image in an accepted format"),
        (bomb(), "too many pixels"),
        (encoded(Image.new("RGB", (4001, 4000))), r"16,004,000 pixels; allowed: 16,000,000"),
        (encoded(noise(90, 60))[:-40], "damaged"),
    ],
)
def test_decode_says_why_it_refuses(data: bytes, why: str) -> None:
    with pytest.raises(BadImage, match=why):
        decode(data)


@given(st.binary(max_size=200), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_decode_never_raises_anything_else(tail: bytes, kind: str) -> None:
    with contextlib.suppress(BadImage):
        decode(encoded(noise(8, 8), kind)[:60] + tail)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_of_16_bits_the_upper_eight_are_taken(dtype: str) -> None:
    grey = np.linspace(0, 65_535, 64 * 32).reshape(64, 32).astype(dtype)
    pixels = np.asarray(decode(encoded(Image.fromarray(grey))))
    assert np.array_equal(pixels, np.repeat((grey >> 8)[..., None], 3, axis=2))
