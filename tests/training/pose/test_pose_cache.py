from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from reid_contract import PreprocessSpec
from training.__main__ import main
from training.data.records import DatasetError, Record
from training.pose.cache import PoseCache, PoseCacheError
from training.pose.contact_sheet import contact_sheet, peaks
from training.pose.groups import KEYPOINTS
from training.pose.run import fill_cache

SPEC = PreprocessSpec(height=32, width=32)


class Brightness(nn.Module):
    """A fake estimator: every channel is the image's red, at a quarter of its size."""

    def __init__(self, fail_after: int = 1000) -> None:
        super().__init__()
        self.seen = 0
        self.fail_after = fail_after

    def forward(self, images: Tensor) -> Tensor:
        if self.seen >= self.fail_after:
            raise KeyboardInterrupt
        self.seen += len(images)
        return images[:, :1, ::4, ::4].expand(-1, len(KEYPOINTS), -1, -1).float() / 255


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    (tmp_path / "crops").mkdir()
    records = []
    for i in range(7):
        path = tmp_path / "crops" / f"1_c1_{i}.png"
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        records.append(Record(path, 1, 1))
    return records


def fill(cache: PoseCache, records: list[Record], network: nn.Module, show: Callable[[int], None] = print) -> None:
    fill_cache(cache, records, network, SPEC, batch_size=2, device=torch.device("cpu"), on_progress=show)


def create(path: Path, records: list[Record], estimator: str = "fake") -> PoseCache:
    return PoseCache.create(path, records, estimator, (8, 8))


def test_what_is_read_is_what_was_estimated(tmp_path: Path, records: list[Record]) -> None:
    done: list[int] = []
    fill(create(tmp_path / "cache", records), records, Brightness(), done.append)
    assert done == [2, 4, 6, 7]
    cache = PoseCache.open(tmp_path / "cache", records)
    heatmaps = cache.read(torch.tensor([5, 0, 5]))
    assert heatmaps.dtype == torch.float32
    assert heatmaps.shape == (3, 17, 8, 8)
    for row, index in zip(heatmaps, [5, 0, 5], strict=True):
        red = np.array(Image.open(records[index].path))[::4, ::4, 0]
        np.testing.assert_allclose(row[3].numpy(), red / 255, atol=1e-6)
    assert cache.read([1]).shape == (1, 17, 8, 8)
    assert len(cache) == 7


def test_an_interrupted_run_goes_on(tmp_path: Path, records: list[Record]) -> None:
    with pytest.raises(KeyboardInterrupt):
        fill(create(tmp_path / "cache", records), records, Brightness(fail_after=4))
    with pytest.raises(PoseCacheError, match="4 of 7 images"):
        PoseCache.open(tmp_path / "cache", records)
    rest = Brightness()
    fill(create(tmp_path / "cache", records), records, rest)
    assert rest.seen == 3
    fill(create(tmp_path / "whole", records), records, Brightness())
    assert torch.equal(
        PoseCache.open(tmp_path / "cache", records).read(range(7)),
        PoseCache.open(tmp_path / "whole", records).read(range(7)),
    )


def test_a_cache_of_other_images_is_refused(tmp_path: Path, records: list[Record]) -> None:
    fill(create(tmp_path / "cache", records), records, Brightness())
    with pytest.raises(PoseCacheError, match=r"is of 7 other images .* these 6 have"):
        create(tmp_path / "cache", records[1:])
    records[2].path.write_bytes(records[2].path.read_bytes() + b"x")
    with pytest.raises(PoseCacheError, match=r"of other images: .*1_c1_2\.png \([\d,]+ bytes\) is not among its 7"):
        PoseCache.open(tmp_path / "cache", records)
    with pytest.raises(PoseCacheError, match="is of 7 other images"):
        create(tmp_path / "cache", records)


def test_some_of_the_images_in_another_order(tmp_path: Path, records: list[Record]) -> None:
    fill(create(tmp_path / "cache", records), records, Brightness())
    whole = PoseCache.open(tmp_path / "cache", records)
    some = PoseCache.open(tmp_path / "cache", [records[5], records[1]])
    assert len(some) == 2
    assert torch.equal(some.read([0, 1]), whole.read([5, 1]))
    (tmp_path / "cache" / "images.tsv").write_text("x")
    with pytest.raises(PoseCacheError, match=r"images\.tsv is missing or damaged"):
        PoseCache.open(tmp_path / "cache", records[:2])


def test_two_images_of_one_name_and_size(tmp_path: Path, records: list[Record]) -> None:
    twice = [records[0], records[1], records[0]]
    fill(create(tmp_path / "cache", twice), twice, Brightness())
    assert len(PoseCache.open(tmp_path / "cache", twice)) == 3
    with pytest.raises(PoseCacheError, match=r"two images '1_c1_0\.png' of the same size"):
        PoseCache.open(tmp_path / "cache", records[:1])


def test_a_moved_data_set_keeps_its_cache(tmp_path: Path, records: list[Record]) -> None:
    fill(create(tmp_path / "cache", records), records, Brightness())
    moved = (tmp_path / "crops").rename(tmp_path / "elsewhere")
    PoseCache.open(tmp_path / "cache", [r._replace(path=moved / r.path.name) for r in records])


def test_another_estimator_is_refused(tmp_path: Path, records: list[Record]) -> None:
    cache = create(tmp_path / "cache", records, "fake")
    cache.append(torch.zeros(1, 17, 8, 8))
    cache.save()
    with pytest.raises(PoseCacheError, match="begun with fake at 8×8, not other at 8×8"):
        create(tmp_path / "cache", records, "other")


def test_a_cache_that_was_never_filled_makes_room(tmp_path: Path, records: list[Record]) -> None:
    PoseCache.create(tmp_path / "cache", records, "fake", (50, 16))
    assert PoseCache.create(tmp_path / "cache", records, "fake", (8, 8)).info.height == 8


def test_a_damaged_cache_is_refused(tmp_path: Path, records: list[Record]) -> None:
    with pytest.raises(PoseCacheError, match="not a pose cache"):
        PoseCache.open(tmp_path, records)
    fill(create(tmp_path / "cache", records), records, Brightness())
    (tmp_path / "cache" / "heatmaps.u8").write_bytes(b"short")
    with pytest.raises(PoseCacheError, match="has 5 bytes; 7,616 expected"):
        PoseCache.open(tmp_path / "cache", records)
    (tmp_path / "cache" / "cache.json").write_text("{")
    with pytest.raises(PoseCacheError, match="damaged"):
        PoseCache.open(tmp_path / "cache", records)
    (tmp_path / "cache" / "cache.json").write_text('{"version": 9}')
    with pytest.raises(PoseCacheError, match="version 9; this project reads 1"):
        PoseCache.open(tmp_path / "cache", records)


def test_a_corrupt_image_is_named_and_the_rest_kept(tmp_path: Path, records: list[Record]) -> None:
    records[5].path.write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"1_c1_5\.png"):
        fill(create(tmp_path / "cache", records), records, Brightness())
    assert create(tmp_path / "cache", records).info.done == 4


def test_contact_sheet() -> None:
    crops = np.zeros((5, 64, 32, 3), np.uint8)
    heatmaps = torch.zeros(5, 17, 16, 8)
    heatmaps[:, :, 8, 4] = 0.9
    sheet = np.array(contact_sheet(crops, heatmaps))
    assert sheet.shape[0] > 128
    assert (sheet == (255, 214, 64)).all(axis=2).any() or (sheet == (230, 70, 160)).all(axis=2).any()
    places, scores = peaks(heatmaps[0])
    np.testing.assert_allclose(places[0], [4.5 / 8, 8.5 / 16])
    np.testing.assert_allclose(scores, 0.9, atol=1e-6)
    with pytest.raises(ValueError, match="4 crops and 5 heat maps"):
        contact_sheet(crops[:4], heatmaps)


def test_command_with_movenet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        path = tmp_path / "data" / "train" / f"1_c1_{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 32, 3), dtype=np.uint8)).save(path)
    command = ["pose-cache", "--dataset", "folder", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "out")]
    assert main([*command, "--height", "64", "--width", "32", "--device", "cpu"]) == 0
    assert "contact-sheet.png before you train" in capsys.readouterr().out
    assert (tmp_path / "out" / "contact-sheet.png").stat().st_size > 0
    assert main([*command, "--height", "60"]) == 1
    assert "--height is 60; allowed: multiples of 32" in capsys.readouterr().err
    assert main([*command, "--device", "abacus"]) == 1
    assert "--device 'abacus' cannot be used" in capsys.readouterr().err
    assert main([*command, "--split", "query"]) == 1
    assert "folder has no query crops" in capsys.readouterr().err
    assert main([*command, "--height", "96", "--width", "32", "--device", "cpu"]) == 1
    assert "choose another folder" in capsys.readouterr().err
