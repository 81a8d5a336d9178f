"""make-partial and make-occluded, on small drawn crops."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from training.__main__ import main
from training.data.altered.occluded import cover_crop
from training.data.altered.occluders import CutOuts, DrawnObjects
from training.data.altered.partial import kept_shares
from training.data.altered.placement import beside, standing
from training.data.crops import read_crop
from training.data.datasets import load_dataset
from training.data.records import DatasetError, Record

HEIGHT, WIDTH = 60, 30


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four persons on two cameras; every row of a crop has its own grey, so that cuts can be told."""
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    for split, cameras in (("train", (1, 2)), ("query", (1,)), ("gallery", (2, 3))):
        (root / split).mkdir(parents=True)
        for person in range(1, 5):
            for camera in cameras:
                rows = np.repeat(np.arange(HEIGHT, dtype=np.uint8)[:, None, None] * 3, WIDTH, axis=1)
                pixels = np.repeat(rows, 3, axis=2) + rng.integers(0, 3, (HEIGHT, WIDTH, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / f"{person}_c{camera}_x.png")
    (root / "dataset.json").write_text('{"licence": "CC0"}')
    return root


@pytest.fixture
def cutouts(tmp_path: Path) -> Path:
    folder = tmp_path / "cutouts"
    folder.mkdir()
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[5:35, 10:30] = (255, 0, 0, 255)
    Image.fromarray(pixels).save(folder / "post.png")
    return folder


def alter(command: str, data: Path, out: Path, *more: str) -> int:
    return main([command, "--dataset", "folder", "--data", str(data), "--output", str(out), *more])


def manifest(root: Path) -> list[dict[str, str]]:
    with (root / "manifest.csv").open() as stream:
        return list(csv.DictReader(stream))


def pixels_of(root: Path) -> dict[str, bytes]:
    return {row["path"]: read_crop(root / row["path"]).tobytes() for row in manifest(root)}


def test_partial_cuts_half_and_says_which(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "partial"
    assert alter("make-partial", data, out) == 0
    assert "10 of 20 crops cut" in capsys.readouterr().out
    dataset = load_dataset("folder", out)
    assert dataset.synthetic
    assert dataset.licence == "CC0"
    assert [len(s) for s in (dataset.train, dataset.query, dataset.gallery)] == [8, 4, 8]
    assert json.loads((out / "dataset.json").read_text())["made_of"] == "folder"
    for row in manifest(out):
        image, source = read_crop(out / row["path"]), read_crop(data / row["source"])
        rows = int(row["kept_rows"] or HEIGHT)
        assert row["altered"] == ("yes" if rows < HEIGHT else "no")
        np.testing.assert_array_equal(np.asarray(image), np.asarray(source)[:rows])
    kept = Counter((row["split"], row["kept_rows"]) for row in manifest(out))
    assert kept["train", ""] == kept["gallery", ""] == 4
    assert kept["train", "30"] == kept["train", "20"] == 2


def test_altered_sets_are_csv_sets_too(data: Path, tmp_path: Path) -> None:
    alter("make-partial", data, tmp_path / "out")
    by_csv, by_folder = load_dataset("csv", tmp_path / "out"), load_dataset("folder", tmp_path / "out")
    assert by_csv.synthetic
    assert by_csv.query == by_folder.query


@settings(deadline=None)
@given(count=st.integers(0, 200), share=st.floats(0.01, 1), seed=st.integers(0, 5))
def test_shares_of_the_recipe(count: int, share: float, seed: int) -> None:
    kept = Counter(kept_shares(count, share, (seed, 0)))
    assert kept[1 / 2] + kept[1 / 3] == round(count * share)
    assert 0 <= kept[1 / 3] - kept[1 / 2] <= 1
    assert kept_shares(count, share, (seed, 0)) == kept_shares(count, share, (seed, 0))


@pytest.mark.parametrize("occluders", ["drawn", "patches", "cutouts"])
def test_occluded_hides_what_it_says(data: Path, tmp_path: Path, cutouts: Path, occluders: str) -> None:
    out = tmp_path / "occluded"
    kind = str(cutouts) if occluders == "cutouts" else occluders
    assert alter("make-occluded", data, out, "--occluders", kind, "--cover", "0.2", "0.4", "--seed", "3") == 0
    dataset = load_dataset("folder", out)
    assert dataset.synthetic
    assert (len(dataset.train), len(dataset.query), len(dataset.gallery)) == (0, 4, 8)
    for row in manifest(out):
        image, source = (np.asarray(read_crop(root)) for root in (out / row["path"], data / row["source"]))
        assert image.shape == source.shape
        changed = float((image != source).any(axis=2).mean())
        if row["split"] == "gallery":
            assert changed == 0
            assert row["altered"] == "no"
        else:
            assert 0.2 <= float(row["hidden_share"]) <= 0.4
            assert changed >= 0.9 * float(row["hidden_share"])  # a pixel may happen to keep its colour
            assert row["occluder"]


def test_the_seed_decides(data: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        alter("make-occluded", data, tmp_path / name, "--seed", seed)
    assert pixels_of(tmp_path / "a") == pixels_of(tmp_path / "b") != pixels_of(tmp_path / "c")


def test_patches_come_from_other_persons(data: Path, tmp_path: Path) -> None:
    alter("make-occluded", data, tmp_path / "out", "--occluders", "patches")
    for row in manifest(tmp_path / "out"):
        if row["split"] == "query":
            assert row["occluder"].removeprefix("background of ").split("_")[0] != row["person_id"]


@settings(deadline=None)
@given(cover=st.floats(0.05, 0.6), seed=st.integers(0, 1000), height=st.integers(20, 200), width=st.integers(10, 100))
def test_boxes_have_the_size_asked_for(cover: float, seed: int, height: int, width: int) -> None:
    box = beside((height, width), cover, np.random.default_rng(seed))
    assert box.left >= 0
    assert box.top >= 0
    assert box.left + box.width <= width
    assert box.top + box.height <= height
    rounding = (box.width + box.height) / (height * width)
    assert box.width * box.height / (height * width) == pytest.approx(cover, abs=rounding)
    box = standing((height, width), cover, 0.5, np.random.default_rng(seed))
    assert box.width * box.height / (height * width) == pytest.approx(
        cover, abs=(box.width + box.height) / (height * width)
    )


def test_the_nearest_attempt_is_kept_where_none_fits(data: Path) -> None:
    record = Record(data / "query" / "1_c1_x.png", 1, 1)
    covered = cover_crop(record, DrawnObjects(), (0.985, 0.99), np.random.default_rng(0))
    assert 0 < covered.hidden.mean() < 1


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        ("make-partial", ["--share", "0"], "share of partial crops is 0.0; allowed"),
        ("make-occluded", ["--cover", "0.5", "0.2"], "covered share is 0.5 to 0.2; allowed"),
        ("make-occluded", ["--occluders", "nowhere"], "nowhere holds no cut-outs"),
    ],
)
def test_bad_input(data: Path, capsys: pytest.CaptureFixture[str], command: str, more: list[str], message: str) -> None:
    out = data.parent / "out"
    assert alter(command, data, out, *more) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_an_existing_folder_is_not_written_to(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    assert alter("make-partial", data, tmp_path / "out") == 1
    assert "exists already" in capsys.readouterr().err


def test_a_corrupt_crop_leaves_no_folder(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "query" / "1_c1_x.png").write_bytes(b"no image")
    assert alter("make-occluded", data, tmp_path / "out") == 1
    assert "1_c1_x.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_patches_need_two_persons(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for person in "234":
        for file in data.rglob(f"{person}_*"):
            file.unlink()
    assert alter("make-occluded", data, tmp_path / "out", "--occluders", "patches") == 1
    assert "at least two persons" in capsys.readouterr().err


def test_cutouts_must_be_transparent(cutouts: Path) -> None:
    Image.new("RGB", (8, 8)).save(cutouts / "wall.png")
    with pytest.raises(DatasetError, match=r"wall\.png: has no transparency"):
        CutOuts(cutouts)
    (cutouts / "wall.png").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"wall\.png: not a PNG"):
        CutOuts(cutouts)
