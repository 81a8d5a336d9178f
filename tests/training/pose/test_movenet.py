"""MoveNet against heat maps that an independent interpreter of the published graph gave for smooth random images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from training.data.synthetic import draw_cameras, draw_crop, draw_people
from training.pose.contact_sheet import peaks
from training.pose.movenet import load_movenet

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def movenet() -> torch.nn.Module:
    return load_movenet()


@pytest.mark.parametrize(("height", "width"), [(256, 128), (384, 128)])
def test_agrees_with_the_published_graph(movenet: torch.nn.Module, height: int, width: int) -> None:
    image = torch.from_numpy(np.array(Image.open(HERE / f"movenet_{height}x{width}.png")))  # (H, W, 3)
    heatmaps = movenet(image.permute(2, 0, 1)[None])
    assert heatmaps.shape == (1, 17, height // 4, width // 4)
    excerpt = np.load(HERE / f"movenet_{height}x{width}.npy")  # (17, H/16, W/16): every fourth row and column
    assert excerpt.max() > 0.1
    np.testing.assert_allclose(heatmaps[0, :, ::4, ::4].numpy(), excerpt, atol=1e-4, rtol=0)


def test_a_batch_is_its_images(movenet: torch.nn.Module) -> None:
    images = torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    together = movenet(images)
    assert together.shape == (3, 17, 16, 24)
    torch.testing.assert_close(torch.cat([movenet(image[None]) for image in images]), together, atol=1e-5, rtol=0)
    assert not together.requires_grad


def test_finds_the_key_points_of_drawn_people(movenet: torch.nn.Module) -> None:
    """Half of the seen ones within 3 % of the crop's height, and with a clearly stronger response than hidden ones."""
    cameras, rng = draw_cameras(2, seed=0), np.random.default_rng(0)
    people = draw_people(6, seed=3)
    crops = [draw_crop(p, cameras[i % 2], rng, occluder="hedge" if i >= 4 else None) for i, p in enumerate(people)]
    pixels = torch.from_numpy(np.stack([np.asarray(crop.image) for crop in crops]))  # (N, 256, 128, 3)
    found = [peaks(heatmaps) for heatmaps in movenet(pixels.permute(0, 3, 1, 2))]
    places = np.stack([place for place, _ in found]) * (128, 256)
    away = np.linalg.norm(places - np.stack([crop.keypoints for crop in crops]), axis=2) / 256
    visibility, responses = np.stack([crop.visibility for crop in crops]), np.stack([score for _, score in found])
    seen, hidden = visibility == 2, visibility[4:] < 2
    assert np.median(away[seen]) < 0.03
    assert np.median(responses[seen]) > 1.5 * np.median(responses[4:][hidden])


def test_other_sizes_are_refused(movenet: torch.nn.Module) -> None:
    with pytest.raises(ValueError, match=r"\(1, 3, 100, 64\); needed: .* multiples of 32"):
        movenet(torch.zeros(1, 3, 100, 64))


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    for content in (b"nothing", save({"stem.weight": torch.zeros(3)})):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="does not hold MoveNet's weights"):
            load_movenet(file)
