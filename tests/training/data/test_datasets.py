"""Loaders, on made-up folders of the published layouts."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from training.data.datasets import DATASETS, load_dataset
from training.data.datasets.counts import CountMismatch
from training.data.holdout import held_out
from training.data.records import DatasetError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def market(tmp_path: Path) -> Path:
    touch(
        tmp_path,
        "bounding_box_train/0002_c1s1_000451_03.jpg",
        "bounding_box_train/0002_c2s1_000451_03.jpg",
        "bounding_box_train/Thumbs.db",
        "query/0001_c6s3_000451_00.jpg",
        "bounding_box_test/0001_c1s1_000451_03.jpg",
        "bounding_box_test/0000_c3s1_000451_03.jpg",
        "bounding_box_test/-1_c1s1_000451_03.jpg",
    )
    return tmp_path


@pytest.mark.parametrize("name", ["market1501", "dukemtmc", "occluded-duke"])
def test_market_layout(market: Path, name: str) -> None:
    with pytest.warns(CountMismatch):
        dataset = load_dataset(name, market)
    assert dataset.name == name
    assert not dataset.synthetic
    assert [(r.person_id, r.camera_id) for r in dataset.train] == [(2, 1), (2, 2)]
    assert [(r.person_id, r.camera_id) for r in dataset.query] == [(1, 6)]
    assert [(r.person_id, r.camera_id) for r in dataset.gallery] == [(0, 3), (1, 1)]  # junk left out, distractor kept


PAIRED = {
    "p-dukemtmc": (
        ["train/occluded_body_images/0001/0001_c2_f1.jpg", "train/whole_body_images/0001/0001_c1_f2.jpg"],
        ["test/occluded_body_images/0002/0002_c2_f3.jpg", "test/whole_body_images/0002/0002_c2_f4.jpg"],
        [(1, 1), (1, 2)],
    ),
    "occluded-reid": ([], ["occluded_body_images/002/002_01.tif", "whole_body_images/002/002_02.tif"], []),
    "partial-reid": (
        ["occluded_body_images/002_001.jpg"],
        ["partial_body_images/002_001.jpg", "whole_body_images/002_001.jpg"],
        [],
    ),
    "partial-ilids": ([], ["Probe/002.jpg", "Gallery/002.jpg"], []),
}


@pytest.mark.parametrize("name", PAIRED)
def test_paired_layouts_leave_no_gallery_crop_out(tmp_path: Path, name: str) -> None:
    others, (query, gallery), train = PAIRED[name]
    touch(tmp_path, *others, query, gallery)
    with pytest.warns(CountMismatch, match="published: "):
        dataset = load_dataset(name, tmp_path)
    assert [(r.person_id, r.camera_id) for r in dataset.train] == train
    assert [tuple(r) for r in dataset.query] == [(tmp_path / query, 2, 1)]
    assert [tuple(r) for r in dataset.gallery] == [(tmp_path / gallery, 2, 2)]


@pytest.mark.parametrize("name", PAIRED)
def test_paired_layouts_are_shown(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="is expected as:\n  ROOT/") as error:
        load_dataset(name, tmp_path)
    assert "searched in" in str(error.value)


def test_published_counts_pass_silently(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/{i:03}.jpg" for folder in ("Probe", "Gallery") for i in range(1, 120)))
    assert len(load_dataset("partial-ilids", tmp_path).query) == 119


def test_a_name_without_person(tmp_path: Path) -> None:
    touch(tmp_path, "Probe/anna.jpg", "Gallery/001.jpg")
    with pytest.raises(DatasetError, match=r"anna\.jpg: the person cannot be read"):
        load_dataset("partial-ilids", tmp_path)


def test_cuhk03_detected_and_labeled(tmp_path: Path) -> None:
    for boxes in ("detected", "labeled"):
        touch(tmp_path / boxes, *(f"{f}/0003_c1_21.png" for f in ("bounding_box_train", "query", "bounding_box_test")))
    for root, boxes, images in ((tmp_path, "detected", "7,365"), (tmp_path / "labeled", "labeled", "7,368")):
        with pytest.warns(CountMismatch) as caught:
            assert boxes in str(load_dataset("cuhk03", root).train[0].path)
        assert f"({boxes}): train" in str(caught[0].message)
        assert images in str(caught[0].message)


def test_counts_are_compared_with_the_published_ones(market: Path) -> None:
    with pytest.warns(CountMismatch) as caught:
        load_dataset("market1501", market)
    assert str(caught[0].message) == (
        "Market-1501: train has 1 persons and 2 images; published: 751 persons and 12,936 images"
    )
    assert "gallery has 1 persons and 3 images; published: 750 persons and 19,732" in str(caught[2].message)


def test_the_folder_above_will_do(market: Path) -> None:
    market.rename(market.parent / "Market-1501-v15.09.15")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CountMismatch)
        dataset = load_dataset("market1501", market.parent)
    assert len(dataset.train) == 2


def test_a_missing_folder_shows_the_layout(tmp_path: Path) -> None:
    (tmp_path / "bounding_box_train").mkdir()
    with pytest.raises(DatasetError, match=r"has no folder query, bounding_box_test\. Market-1501 is expected as") as e:
        load_dataset("market1501", tmp_path)
    assert "ROOT/bounding_box_test" in str(e.value)


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_root_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="nowhere"):
        load_dataset(name, tmp_path / "nowhere")


def test_a_strange_file_name_is_named(market: Path) -> None:
    touch(market, "query/holiday.jpg")
    with pytest.warns(CountMismatch), pytest.raises(DatasetError, match=r"holiday\.jpg: person and camera"):
        load_dataset("market1501", market)


def test_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no data set 'mnist'; allowed: market1501"):
        load_dataset("mnist", tmp_path)


def test_folder(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "train/7_c1.png",
        "train/person 7/7_c2_b.png",
        "query/9_c1.webp",
        "gallery/9_c2.jpg",
        "gallery/-1_c2.jpg",
    )
    dataset = load_dataset("folder", tmp_path)
    assert [(r.person_id, r.camera_id) for r in dataset.train] == [(7, 1), (7, 2)]
    assert (len(dataset.query), len(dataset.gallery), dataset.synthetic) == (1, 1, False)
    (tmp_path / "dataset.json").write_text('{"synthetic": true, "licence": "CC0"}')
    altered = load_dataset("folder", tmp_path)
    assert altered.synthetic
    assert altered.licence == "CC0"
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match="not JSON"):
        load_dataset("folder", tmp_path)


def test_folder_needs_a_gallery_for_its_queries(tmp_path: Path) -> None:
    touch(tmp_path, "query/9_c1.jpg")
    with pytest.raises(DatasetError, match="no crops in its gallery"):
        load_dataset("folder", tmp_path)


def test_folder_needs_crops(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no crops"):
        load_dataset("folder", tmp_path)


def test_synthetic_is_marked(tmp_path: Path) -> None:
    touch(tmp_path, "train/1_c1.png")
    dataset = load_dataset("synthetic", tmp_path)
    assert dataset.synthetic
    assert dataset.name == "synthetic"


HEADER = "split,path,person_id,camera_id\n"


def test_csv_with_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "manifest.csv").write_text(HEADER + "query,a.jpg,anna,door\ngallery,b.jpg,ben,gate\n")
    dataset = load_dataset("csv", tmp_path)
    ((path, anna, door),), ((_, ben, gate),) = dataset.query, dataset.gallery
    assert (path, door, gate) == (tmp_path / "a.jpg", 1, 2)
    assert 0 < anna != ben > 0
    assert load_dataset("csv", tmp_path / "manifest.csv") == dataset


def test_csv_rows_that_are_added_hold_out_nobody_else(tmp_path: Path) -> None:
    names = [f"person {letter}" for letter in "bcdefghijklmnopqrstuvwxyz"]
    touch(tmp_path, "a.jpg", *(f"{name}.jpg" for name in names))
    rows = HEADER + "".join(f"train,{name}.jpg,{name},door\n" for name in names)
    others = "query,a.jpg,anna,door\ngallery,a.jpg,anna,gate\ntrain,a.jpg,person a,door\n"
    out = []
    for text in (rows, rows + others):
        (tmp_path / "manifest.csv").write_text(text)
        out.append({record.path.stem for record in held_out(load_dataset("csv", tmp_path).train, 0.3)[1]} - {"a"})
    assert out[0] == out[1] != set()


def test_csv_with_numbers(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "manifest.csv").write_text(
        HEADER + "query,a.jpg,12,3\ngallery,a.jpg,0,4\ngallery,a.jpg,-1,4\ngallery,a.jpg,12,3\n"
    )
    dataset = load_dataset("csv", tmp_path)
    assert [(r.person_id, r.camera_id) for r in (*dataset.query, *dataset.gallery)] == [(12, 3), (0, 4), (12, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split,path\n", "no column person_id, camera_id"),
        (HEADER + "test,a.jpg,1,1\n", "line 2: split is 'test'"),
        (HEADER + "train,a.jpg,1,1\ntrain,a.jpg,,1\n", "line 3: person_id is empty"),
        (HEADER + "train,z.jpg,1,1\n", "line 2: there is no file"),
        (HEADER + "train,a.jpg,-7,1\n", "person_id is -7"),
        (HEADER + 'train,"a.jpg,1,1\n' + 200_000 * "x", r"manifest\.csv is not CSV in UTF-8: field larger"),
    ],
)
def test_csv_errors_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        load_dataset("csv", tmp_path)


def test_among_names_0_is_nobody_and_a_query_must_be_somebody(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}.jpg" for name in "abcd"))
    rows = ["path,split,person_id,camera_id", "a.jpg,query,alice,gate", "b.jpg,gallery,alice,yard"]
    table = tmp_path / "manifest.csv"
    table.write_text("\n".join([*rows, "c.jpg,gallery,0,yard", "d.jpg,gallery,-1,yard"]))
    data = load_dataset("csv", table)
    assert [record.person_id for record in data.gallery] == [data.query[0].person_id, 0]
    table.write_text("\n".join([*rows, "c.jpg,query,0,yard"]))
    with pytest.raises(DatasetError, match=r"c\.jpg: person_id of a query is 0, a distractor"):
        load_dataset("csv", table)
