"""Batches: the same ones for the same (seed, epoch, number), at the epoch's size, with their heat maps."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.batches import Batch, Batches, resize, standardise
from training.config import TrainConfig
from training.data.augment import AugmentConfig
from training.data.datasets import load_dataset
from training.distributed import Processes
from training.fit import load_batches
from training.pose.cache import PoseCache

ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture
def batches(noise: Path, pose: Path, config: TrainConfig) -> Batches:
    return load_batches(config, load_dataset("folder", noise), pose, ALONE)


def assert_equal(a: list[Batch], b: list[Batch]) -> None:
    assert len(a) == len(b) > 0
    for mine, theirs in zip(a, b, strict=True):
        assert torch.equal(mine.images, theirs.images)
        assert torch.equal(mine.heatmaps, theirs.heatmaps)  # type: ignore[arg-type]
        assert torch.equal(mine.labels, theirs.labels)


def test_an_epoch_is_the_same_again_and_another_is_not(batches: Batches) -> None:
    first = list(batches.epoch(0))
    assert len(first) == len(batches)
    torch.rand(100)  # what others draw does not matter
    assert_equal(list(batches.epoch(0)), first)
    assert not torch.equal(next(iter(batches.epoch(1))).images, first[0].images)


def test_the_rest_of_an_epoch_is_its_end(batches: Batches) -> None:
    assert_equal(list(batches.epoch(0, start=1)), list(batches.epoch(0))[1:])


def test_teachers_see_what_hides_nothing(noise: Path, pose: Path, config: TrainConfig) -> None:
    hiding = replace(config, augment=AugmentConfig(flip=0, pad=0, erase=1, occlude=1), teachers_see="unhidden")
    batches = load_batches(hiding, load_dataset("folder", noise), pose, ALONE)
    batch = next(iter(batches.epoch(0)))
    assert batch.unhidden is not None
    assert batch.unhidden.shape == batch.images.shape
    everything = PoseCache.open(pose, load_dataset("folder", noise).train).read(range(len(batches.crops)))
    every_image = standardise(batches.crops.images / 255, config)
    for image, unhidden, heatmaps in zip(batch.images, batch.unhidden, batch.heatmaps, strict=True):  # type: ignore[arg-type]
        assert not torch.equal(image, unhidden)
        (index,) = torch.nonzero((every_image == unhidden).flatten(1).all(1)).flatten()
        torch.testing.assert_close(heatmaps, everything[index])


def test_the_baseline_has_no_teachers_to_show_anything(noise: Path, pose: Path, config: TrainConfig) -> None:
    baseline = replace(config, model=replace(config.model, feb=False, sab=False), teachers_see="unhidden")
    batch = next(iter(load_batches(baseline, load_dataset("folder", noise), pose, ALONE).epoch(0)))
    assert batch.unhidden is None
    assert len(batch.images) == baseline.batch_size


def test_heat_maps_belong_to_their_images(noise: Path, pose: Path, config: TrainConfig) -> None:
    still = replace(config, augment=AugmentConfig(flip=0, pad=0, erase=0))
    batches = load_batches(still, load_dataset("folder", noise), pose, ALONE)
    batch = next(iter(batches.epoch(0)))
    everything = PoseCache.open(pose, load_dataset("folder", noise).train).read(range(len(batches.crops)))
    every_image = standardise(batches.crops.images / 255, config)
    for image, heatmaps, label in zip(batch.images, batch.heatmaps, batch.labels, strict=True):  # type: ignore[arg-type]
        (index,) = torch.nonzero((every_image == image).flatten(1).all(1)).flatten()
        torch.testing.assert_close(heatmaps, everything[index])
        assert label == batches.crops.person_ids[index]


def test_images_are_small_first(batches: Batches, config: TrainConfig) -> None:
    growing = replace(batches, config=replace(config, growth=("32x16:1",)))
    assert next(iter(growing.epoch(0))).images.shape == (6, 3, 32, 16)
    assert next(iter(growing.epoch(1))).images.shape == (6, 3, 64, 32)


def test_an_online_estimator_sees_what_is_left_of_the_image(batches: Batches) -> None:
    class Brightness(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert images.dtype == torch.uint8
            return images.float().mean(1, keepdim=True).expand(-1, 17, -1, -1) / 255

    online = next(iter(replace(batches, pose=None, estimator=Brightness()).epoch(0)))
    assert online.heatmaps is not None
    unstandardised = online.images * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    unstandardised += torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    torch.testing.assert_close(online.heatmaps[:, 0], unstandardised.mean(1), atol=2e-3, rtol=0)


def test_what_goes_wrong_on_the_thread_is_raised_and_the_thread_ends(batches: Batches) -> None:
    class Broken(nn.Module):
        def forward(self, _images: Tensor) -> Tensor:
            raise ValueError("no key points today")

    with pytest.raises(ValueError, match="no key points today"):
        next(iter(replace(batches, pose=None, estimator=Broken()).epoch(0)))
    abandoned = batches.epoch(0)
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_resize_keeps_flat_areas_and_dtype() -> None:
    images = torch.full((1, 3, 64, 32), 77, dtype=torch.uint8)
    assert resize(images, (64, 32)) is images
    assert torch.equal(resize(images, (32, 16)), torch.full((1, 3, 32, 16), 77, dtype=torch.uint8))


def test_batches_are_made_on_one_core_and_the_step_keeps_its_own(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_on: list[int] = []

    def watched(pixels: Tensor, config: TrainConfig) -> Tensor:
        made_on.append(torch.get_num_threads())
        return standardise(pixels, config)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        monkeypatch.setattr("training.batches.standardise", watched)
        list(batches.epoch(0))
        assert set(made_on) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
