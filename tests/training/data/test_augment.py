"""Whatever is done to an image must be done to its heat maps: here the heat maps are copies of the image."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.augment import AugmentConfig, augment
from training.data.rectangles import random_rectangles
from training.pose.groups import KEYPOINTS, MIRRORED

OFF = AugmentConfig(flip=0, pad=0, erase=0)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 6, height: int = 24, width: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator(seed))


def copies(batch: torch.Tensor) -> torch.Tensor:
    """Heat maps that are the image's red channel, in every one of the 17 channels."""
    return (batch[:, :1].float() / 255).expand(-1, 17, -1, -1).contiguous()


def test_nothing_switched_on_changes_nothing() -> None:
    batch = images()
    out, heatmaps = augment(batch, copies(batch), OFF, generator(0))
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, batch / 255)
    torch.testing.assert_close(heatmaps, copies(batch))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    flip=st.floats(0, 1),
    pad=st.integers(0, 12),
    erase=st.floats(0, 1),
    paste=st.floats(0, 1),
)
def test_image_and_heat_maps_move_together(seed: int, flip: float, pad: int, erase: float, paste: float) -> None:
    """Where the output shows a pixel of its own image, its heat map shows that pixel's response; elsewhere none."""
    batch = images(seed=seed % 7)
    own = torch.arange(6, dtype=torch.uint8)[:, None, None].expand(6, 24, 16) + 1
    batch[:, 1] = own  # which image a pixel is from survives every step
    config = AugmentConfig(flip=flip, pad=pad, erase=erase, erase_fill=(0, 0, 0), occlude=paste)
    out, heatmaps = augment(batch, copies(batch), config, generator(seed))
    assert heatmaps is not None
    mine = out[:, 1].mul(255).round() == own
    torch.testing.assert_close(heatmaps[:, 0], out[:, 0] * mine, atol=2e-4, rtol=0)


def test_flip_swaps_left_and_right() -> None:
    batch = images(1, 8, 8)
    heatmaps = torch.zeros(1, 17, 8, 8)
    heatmaps[0, KEYPOINTS.index("left wrist"), 3, 1] = 1
    heatmaps[0, KEYPOINTS.index("nose"), 0, 2] = 1
    out, flipped = augment(batch, heatmaps, replace(OFF, flip=1), generator(0))
    assert flipped is not None
    torch.testing.assert_close(out, batch.flip(-1) / 255)
    assert flipped[0, KEYPOINTS.index("right wrist"), 3, 6] == pytest.approx(1)
    assert flipped[0, KEYPOINTS.index("nose"), 0, 5] == pytest.approx(1)
    assert flipped.sum() == pytest.approx(2)


def test_mirroring_twice_is_nothing() -> None:
    assert [MIRRORED[i] for i in MIRRORED] == list(range(17))


def test_a_coarse_heat_map_keeps_up_with_the_crop() -> None:
    """A peak's centre of mass moves by the same share of the height as the image's only bright spot."""
    batch = torch.zeros(1, 3, 64, 32, dtype=torch.uint8)
    batch[:, :, 32:36, 16:20] = 255
    heatmaps = torch.zeros(1, 17, 16, 8)
    heatmaps[:, :, 8, 4] = 1
    for seed in range(8):
        out, moved = augment(batch, heatmaps, replace(OFF, pad=6), generator(seed))
        assert moved is not None
        for axis, size in ((0, 64), (1, 32)):
            at_image, at_map = _centre(out[0, 0], axis), _centre(moved[0, 0], axis)
            assert at_image * size == pytest.approx(at_map * size, abs=1e-3)


def _centre(plane: torch.Tensor, axis: int) -> float:
    mass = plane.sum(dim=1 - axis)
    return float((mass * (torch.arange(len(mass)) + 0.5)).sum() / mass.sum() / len(mass))


def test_padding_is_black_and_silent() -> None:
    batch = torch.full((32, 3, 24, 16), 200, dtype=torch.uint8)
    out, heatmaps = augment(batch, torch.ones(32, 17, 24, 16), replace(OFF, pad=8), generator(3))
    assert heatmaps is not None
    assert (out == 0).any()
    torch.testing.assert_close(heatmaps[:, :3] * (200 / 255), out)


def test_erasing_fills_and_silences() -> None:
    batch = torch.full((64, 3, 48, 24), 255, dtype=torch.uint8)
    config = replace(OFF, erase=0.5, erase_fill=(0.25, 0.5, 0.75), erase_area=(0.1, 0.2))
    out, heatmaps = augment(batch, torch.ones(64, 17, 12, 6), config, generator(1))
    assert heatmaps is not None
    erased = out[:, 0] != 1
    assert out.permute(0, 2, 3, 1)[erased].mul(255).unique(dim=0).tolist() == [[64, 128, 191]]
    share = erased.flatten(1).float().mean(dim=1)
    assert 0.3 < (share > 0).float().mean() < 0.7
    assert 0.08 < share[share > 0].min() <= share.max() < 0.22
    torch.testing.assert_close((heatmaps[:, 0] == 0).flatten(1).float().mean(dim=1), share, atol=0.12, rtol=0)


def test_pasted_pixels_come_from_other_places() -> None:
    batch = (torch.arange(8, dtype=torch.uint8)[:, None, None, None] * 30).expand(8, 3, 40, 20).contiguous()
    out, _ = augment(batch, None, replace(OFF, occlude=1), generator(2))
    values = [set(image.mul(255).round().unique().tolist()) for image in out]
    assert sum(len(v) == 2 for v in values) >= 5  # its own colour and one other's


def test_light_is_one_for_a_whole_crop_and_another_for_each() -> None:
    batch = torch.full((6, 3, 24, 16), 128, dtype=torch.uint8)
    out, heatmaps = augment(batch, copies(batch), replace(OFF, light=0.2), generator(0))
    torch.testing.assert_close(heatmaps, copies(batch))
    colours = out[:, :, 0, 0]
    torch.testing.assert_close(out, colours[:, :, None, None].expand_as(out))
    assert len(colours.unique(dim=0)) == 6
    assert (colours.amax(1) - colours.amin(1) > 0.01).all(), "a colour cast, not only an exposure"


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), light=st.floats(0, 1))
def test_light_keeps_pixels_in_range(seed: int, light: float) -> None:
    out, _ = augment(images(seed=seed % 7), None, replace(OFF, light=light), generator(seed))
    assert out.min() >= 0
    assert out.max() <= 1


def test_the_second_view_is_the_same_crop_before_anything_hid_it() -> None:
    batch = images(count=40)
    config = AugmentConfig(pad=4, occlude=0.5, light=0.1)
    hidden, hidden_maps = augment(batch, copies(batch), config, generator(7))
    both, both_maps = augment(batch, copies(batch), config, generator(7), unhidden=True)
    assert hidden_maps is not None
    assert both_maps is not None
    assert torch.equal(both[:40], hidden)
    assert torch.equal(both_maps[:40], hidden_maps)
    moved, moved_maps = augment(batch, copies(batch), replace(config, erase=0, occlude=0, light=0), generator(7))
    assert torch.equal(both_maps[40:], moved_maps)  # type: ignore[arg-type]
    unlit = augment(batch, None, replace(config, light=0), generator(7), unhidden=True)[0]
    assert torch.equal(unlit[40:], moved)
    untouched = (unlit[:40] == unlit[40:]).all((1, 2, 3))
    assert 0 < untouched.sum() < 40
    assert torch.equal(both[:40][untouched], both[40:][untouched])


def test_every_tensor_follows_the_images_device() -> None:
    """On the meta device: what would mix CPU and GPU tensors raises here too."""
    batch = images().to("meta")
    out, heatmaps = augment(batch, torch.zeros(6, 17, 6, 4, device="meta"), AugmentConfig(occlude=0.5), generator(0))
    assert heatmaps is not None
    assert out.device.type == heatmaps.device.type == "meta"
    assert (out.shape, heatmaps.shape) == ((6, 3, 24, 16), (6, 17, 6, 4))


def test_the_generator_alone_decides() -> None:
    batch = images()
    config = AugmentConfig(occlude=0.5)
    torch.manual_seed(1)
    first = augment(batch, copies(batch), config, generator(5))
    torch.manual_seed(2)
    second = augment(batch, copies(batch), config, generator(5))
    for a, b in zip(first, second, strict=True):
        assert a is not None
        assert b is not None
        assert torch.equal(a, b)


def test_rectangles_have_their_ratio_in_pixels_whatever_the_shape_of_the_image() -> None:
    for height, width in ((384, 128), (256, 128), (64, 64)):
        boxes = random_rectangles(1_000, 1, (0.02, 0.4), (0.3, 1 / 0.3), generator(0), aspect=height / width)
        ratios = boxes.height * height / (boxes.width * width)
        assert 0.299 < ratios.min() < 0.45
        assert 2.2 < ratios.max() < 3.34


def test_a_rectangle_that_fits_nowhere_is_left_out() -> None:
    boxes = random_rectangles(50, 1, (0.5, 0.6), (0.1, 0.1), generator(0), aspect=3)
    assert not boxes.height.any()
    assert not boxes.width.any()


def test_rectangles_keep_to_their_area() -> None:
    boxes = random_rectangles(500, 1, (0.1, 0.3), (0.8, 1.25), generator(0), aspect=2)
    area = boxes.height * boxes.width
    assert 0.099 < area.min() < 0.12
    assert 0.28 < area.max() < 0.301
    assert ((boxes.top + boxes.height) <= 1 + 1e-6).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flip": 1.5}, "flip is 1.5"),
        ({"pad": -1}, "pad is -1"),
        ({"light": 2}, "light is 2"),
        ({"erase_area": (0.5, 0.2)}, "erase_area"),
        ({"occlude_area": (0.5, 2)}, "<= 1"),
        ({"erase_ratio": (0, 1)}, "erase_ratio"),
    ],
)
def test_bad_config(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**values)  # type: ignore[arg-type]


def test_bad_shapes() -> None:
    with pytest.raises(ValueError, match=r"images are \(6, 3, 24, 16\) torch.float32"):
        augment(images().float(), None, OFF, generator(0))
    with pytest.raises(ValueError, match=r"heat maps are \(5, 17, 4, 4\)"):
        augment(images(), torch.zeros(5, 17, 4, 4), OFF, generator(0))
