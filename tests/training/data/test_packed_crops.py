from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from reid_contract import PreprocessSpec, preprocess
from training.data.crops import read_crop
from training.data.packed import PackedCrops, trainable_classes
from training.data.records import DatasetError, Record

SPEC = PreprocessSpec(height=32, width=16)


def record(path: Path, person: int, camera: int = 1, seed: int | None = None) -> Record:
    noise = np.random.default_rng(seed).integers(0, 256, (40, 18, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return Record(path, person, camera)


def test_pixels_labels_and_cameras(tmp_path: Path) -> None:
    records = [record(tmp_path / f"{i}.png", person, camera) for i, (person, camera) in enumerate([(9, 2), (4, 3)] * 2)]
    packed = PackedCrops.pack(records, SPEC, progress=True)
    assert packed.images.shape == (4, 3, 32, 16)
    assert packed.images.dtype == torch.uint8
    for image, r in zip(packed.images, records, strict=True):
        np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), preprocess(Image.open(r.path), SPEC))
    assert packed.person_ids.tolist() == [1, 0, 1, 0]
    assert packed.camera_ids.tolist() == [2, 3, 2, 3]
    assert packed.classes == (4, 9)
    assert len(packed.to("cpu")) == 4


def test_a_corrupt_image_is_named(tmp_path: Path) -> None:
    records = [record(tmp_path / f"{i}.png", 1) for i in range(3)]
    records[1].path.write_bytes(records[1].path.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"1\.png: the image is damaged"):
        PackedCrops.pack(records, SPEC)


def test_a_single_crop_is_named_before_anything_is_read(tmp_path: Path) -> None:
    records = [Record(tmp_path / f"{i}.png", person, 1) for i, person in enumerate([1, 1, 5, 6])]
    with pytest.raises(DatasetError, match=r"2\.png: the only crop of person 5; 1 more persons have one"):
        PackedCrops.pack(records, SPEC)


def test_more_than_fits_in_memory_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    records = [Record(tmp_path / "none.png", person % 2 + 1, 1) for person in range(200_000)]
    with pytest.raises(DatasetError, match=r"200,000 crops at 4096×4096 take 10,?066\.\d GB of memory"):
        PackedCrops.pack(records, PreprocessSpec(height=4096, width=4096))


def test_distractors_and_empty_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="distractor"):
        trainable_classes([Record(tmp_path / "a.png", 0, 1)] * 2)
    with pytest.raises(DatasetError, match="evaluation only"):
        trainable_classes([])


@pytest.mark.parametrize("suffix", [".tif", ".bmp", ".png"])
def test_research_formats(tmp_path: Path, suffix: str) -> None:
    path = record(tmp_path / f"a{suffix}", 1).path
    assert read_crop(path).mode == "RGB"
    path.write_bytes(b"not an image at all")
    with pytest.raises(DatasetError, match=rf"a{suffix}: not an? (image|{suffix} image)"):
        read_crop(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_crop(tmp_path / f"missing{suffix}")


def test_a_crop_of_32_bits_a_pixel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "thermal.tif"
    Image.fromarray(np.linspace(0, 1, 64 * 32, dtype=np.float32).reshape(64, 32)).save(path)
    with pytest.raises(DatasetError, match=r"thermal\.tif: the image's pixels are of mode F, 32 bits"):
        read_crop(path)
