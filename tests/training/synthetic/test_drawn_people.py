"""Drawn people: the same seed draws the same pixels, the key points are true, and the folder is a data set."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.data.datasets import load_dataset
from training.data.synthetic import COCO_KEYPOINTS, draw_cameras, draw_crop, draw_dataset, draw_people, read_manifest

PEOPLE, CAMERAS, SIGHTINGS = 6, 3, 5


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_dataset(folder, PEOPLE, CAMERAS, SIGHTINGS, seed=4, train_share=0.5, height=128, width=64)
    return folder


@pytest.fixture(scope="module")
def rows(drawn: Path) -> list[dict[str, Any]]:
    return list(read_manifest(drawn))


def test_the_same_seed_draws_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_dataset(tmp_path / name, 2, 2, 2, seed=seed, height=64, width=32)
    a, b, c = ({f.name: f.read_bytes() for f in sorted((tmp_path / n).rglob("*.jpg"))} for n in "abc")
    assert a == b
    assert not set(a.values()) & set(c.values())


def test_drawing_again_leaves_nothing_of_the_drawing_before_but_what_others_put_there(tmp_path: Path) -> None:
    draw_dataset(tmp_path, 6, 2, 3, height=32, width=16)
    (tmp_path / "gallery" / "note.txt").write_text("mine")
    draw_dataset(tmp_path, 4, 2, 2, seed=2, height=32, width=16)
    crops = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*.jpg")}
    assert crops == {row["path"] for row in read_manifest(tmp_path)}
    assert (tmp_path / "gallery" / "note.txt").exists()


def test_every_crop_is_in_the_manifest_with_a_size_and_a_time(drawn: Path, rows: list[dict[str, Any]]) -> None:
    assert {row["path"] for row in rows} == {str(f.relative_to(drawn)) for f in drawn.rglob("*.jpg")}
    assert len(rows) == PEOPLE * (SIGHTINGS + 1)
    for row in rows:
        with Image.open(drawn / row["path"]) as image:
            assert image.size == (64, 128)
        assert datetime.fromisoformat(row["captured_at"]).tzinfo is not None


def test_it_loads_as_a_data_set_marked_synthetic(drawn: Path) -> None:
    dataset = load_dataset("synthetic", drawn)
    assert dataset.synthetic
    assert len({r.person_id for r in dataset.train}) == PEOPLE // 2
    assert len(dataset.query) == PEOPLE // 2
    assert {r.person_id for r in dataset.query} == {r.person_id for r in dataset.gallery}


def test_each_query_is_half_hidden_and_its_person_is_seen_on_another_camera(rows: list[dict[str, Any]]) -> None:
    cameras = defaultdict(set)
    for row in rows:
        if row["split"] == "gallery":
            cameras[row["person"]].add(row["camera"])
    for row in rows:
        if row["split"] == "query":
            assert row["occluder"] is not None
            assert cameras[row["person"]] - {row["camera"]}


def test_key_points_and_visibility_agree_with_the_crop(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        points, visibility = np.array(row["keypoints"]), np.array(row["visibility"])
        assert points.shape == (len(COCO_KEYPOINTS), 2)
        inside = ((points >= 0) & (points < (64, 128))).all(axis=1)
        assert (visibility[~inside] == 0).all()
        assert 0 <= row["occluded"] <= 1


def test_people_stand_upright_and_an_occluder_hides_key_points() -> None:
    person, camera = draw_people(1, seed=0)[0], draw_cameras(1, seed=0)[0]
    others = draw_people(3, seed=9)[1:]
    free = draw_crop(person, camera, np.random.default_rng(5))
    nose, ankles = free.keypoints[0], free.keypoints[15:17]
    assert (nose[1] < ankles[:, 1]).all()
    assert free.occluded == 0
    assert (free.visibility > 0).all()
    for kind in ("hedge", "cabinet", "pedestrian"):
        hidden = draw_crop(person, camera, np.random.default_rng(5), occluder=kind, passers_by=others)
        assert hidden.occluded > 0.1
        assert (hidden.visibility == 1).any()
    cut = draw_crop(person, camera, np.random.default_rng(5), occluder="cut off")
    assert cut.occluded > 0.1
    assert (cut.visibility == 0).any()


def test_people_are_told_apart_by_their_clothes() -> None:
    people = draw_people(60, seed=1)
    assert len({tuple(sorted(person.attributes().items())) for person in people}) == 60


def test_the_same_person_looks_more_alike_than_others_over_cameras() -> None:
    """Mean colour of the middle of the crop, camera by camera: crude, and still far better than chance."""
    people, cameras = draw_people(10, seed=3), draw_cameras(2, seed=3)

    def look(number: int, camera: int) -> np.ndarray[Any, Any]:
        image = draw_crop(people[number], cameras[camera], np.random.default_rng((number, camera))).image
        middle = np.asarray(image, float)[40:220, 40:88].reshape(6, 30, 48, 3).mean(axis=(1, 2))
        return (middle - middle.mean()) / middle.std()

    first, second = (np.stack([look(i, c) for i in range(10)]) for c in (0, 1))
    distances = np.abs(first[:, None] - second[None]).mean(axis=(2, 3))
    assert (distances.argmin(axis=1) == np.arange(10)).sum() >= 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--people", "0"], "people is 0"),
        (["--cameras", "1"], "cameras is 1"),
        (["--train-share", "2"], "train_share is 2"),
        (["--height", "3"], "a crop of 128×3 is too small"),
    ],
)
def test_bad_numbers_end_in_one_clear_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    command = [sys.executable, "-m", "training.data.synthetic", str(tmp_path / "out"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert said in ended.stderr


def test_a_drawing_that_was_interrupted_is_no_data_set_and_is_drawn_anew(tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    draw_dataset(tmp_path, 4, 2, 2, seed=1, height=32, width=16)
    with pytest.raises(KeyboardInterrupt):
        draw_dataset(tmp_path, 6, 2, 3, seed=2, height=32, width=16, progress=stop)
    with pytest.raises(FileNotFoundError, match=r"manifest\.jsonl is missing"):
        read_manifest(tmp_path)
    draw_dataset(tmp_path, 2, 2, 2, seed=3, height=32, width=16)
    crops = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*.jpg")}
    assert crops == {row["path"] for row in read_manifest(tmp_path)}
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_manifest_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"shop": 1}\n')
    with pytest.raises(FileExistsError, match=r"holds a manifest\.jsonl of something else"):
        draw_dataset(tmp_path, 2, 2, 2)


def test_another_folders_content_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="choose another folder"):
        draw_dataset(tmp_path, 2, 2, 2)


def test_drawing_needs_no_torch() -> None:
    code = "import sys, training.data.synthetic; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
