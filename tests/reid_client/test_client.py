"""The client against the real service, over real sockets."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from reid_client import AsyncClient, Client, Entry, Match, Refused, Search
from reid_client.__main__ import main
from reid_client.types import Embeddings
from reid_client.wire import BYTES_TOGETHER, CROPS_TOGETHER, joined, png, together
from service.app import create_app
from service.settings import Settings
from tests.service.fakes import DIM, FakeEncoder, MemoryGalleries
from tests.service.live import served

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def picture(seed: int) -> np.ndarray:
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return blocks.repeat(24, axis=0).repeat(12, axis=1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
    with served(app) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        entries = [Entry(f"e{i}", f"c{i % 2}", NOW, person_id=f"p{i}", attributes={"n": i}) for i in range(4)]
        assert client.enrol(entries, [picture(i) for i in range(4)]).created == 4
        yield client


def test_pixels_bytes_and_files_are_the_same_crop(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "crop.png"
    Image.fromarray(picture(7)).save(file)
    embeddings = client.embed([picture(7), file.read_bytes(), file])
    assert embeddings.rows.shape == (3, DIM)
    assert embeddings.model_id == "grid-1"
    np.testing.assert_array_equal(embeddings.rows[0], embeddings.rows[1])
    np.testing.assert_array_equal(embeddings.rows[0], embeddings.rows[2])


def test_a_person_is_found_by_crop_embedding_and_entry(client: Client) -> None:
    best = client.search([picture(2)], Search(k=2))[0][0]
    assert (best.id, best.person_id, best.camera_id, best.captured_at) == ("e2", "p2", "c0", NOW)
    assert best.attributes == {"n": 2}
    rows = client.embed([picture(2)])
    assert client.search_embeddings(rows.rows, Search(k=2), model_id=rows.model_id)[0][0] == best
    assert best.id not in [match.id for match in client.search_like("e2")]


def test_options_travel(client: Client) -> None:
    assert {m.id for m in client.search([picture(2)], Search(where={"cameras": ["c1"]}))[0]} == {"e1", "e3"}
    assert len(client.search([picture(0), picture(1)], Search(fuse="mean", k=1))) == 1
    assert client.search_like("e2", Search(min_score=1.0)) == []


@pytest.mark.parametrize("persons", [0, 10, 10_000])
def test_a_filter_may_be_as_long_as_the_service_takes_it(client: Client, url: str, persons: int) -> None:
    where = {"persons": ["p1", "p3", *(f"person {i:05d}" for i in range(persons - 2))]}
    how, rows = Search(where=where), client.embed([picture(2), picture(3)])
    found = client.search([picture(2), picture(3)], how)
    assert [{m.id for m in matches} for matches in found] == [{"e1", "e3"}] * 2
    assert found[1][0].id == "e3"
    assert client.search_embeddings(rows.rows, how, model_id=rows.model_id) == found
    assert {m.id for m in client.search_like("e2", how)} == {"e1", "e3"}
    with pytest.raises(Refused, match="another"):
        client.search_embeddings(rows.rows, how, model_id="another")

    async def ask() -> list[list[Match]]:
        async with AsyncClient(url) as other:
            return await other.search([picture(2), picture(3)], how)

    assert asyncio.run(ask()) == found


def test_bad_crops(client: Client) -> None:
    embeddings = client.embed([picture(0), b"junk"], skip_bad=True)
    assert embeddings.skipped == (1,)
    assert np.isnan(embeddings.rows[1]).all()
    with pytest.raises(Refused, match="crop 1: not an image") as refused:
        client.embed([picture(0), b"junk"])
    assert (refused.value.status, refused.value.index) == (422, 1)
    done = client.enrol([Entry("bad", "c1", NOW)], [b"junk"], skip_bad=True)
    assert (done.stored, list(done.skipped)) == (0, ["bad"])


def test_the_other_routes(client: Client) -> None:
    assert client.request("GET", "/galleries/default/entries/e1")["person_id"] == "p1"
    page = client.request("GET", "/galleries/default/entries?camera_id=c1", {"limit": 1})
    assert [entry["id"] for entry in page["entries"]] == ["e1"]
    client.request("PUT", "/galleries/other", body={"retention_days": 3})
    assert client.request("DELETE", "/galleries/other") == {}
    with pytest.raises(Refused, match="no gallery named 'nowhere'"):
        client.search([picture(0)], Search(gallery="nowhere"))


def test_the_async_client_says_the_same(url: str, client: Client) -> None:
    async def both() -> None:
        async with AsyncClient(url) as other:
            rows, found = await asyncio.gather(other.embed([picture(1)]), other.search([picture(1)]))
            np.testing.assert_array_equal(rows.rows, client.embed([picture(1)]).rows)
            assert found == client.search([picture(1)])
            assert await other.search_embeddings(rows.rows) == found
            assert (await other.enrol([Entry("e1", "c1", NOW, "p1", {"n": 1})], [picture(1)])).created == 0
            assert await other.search_like("e1") == client.search_like("e1")
            assert (await other.request("GET", "/livez"))["status"] == "alive"

    asyncio.run(both())


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_a_png_holds_exactly_the_pixels(pixels: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)


def test_what_never_leaves_the_client() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Entry("a", "c", datetime(2026, 11, 22))
    with pytest.raises(ValueError, match="RGB pixels"):
        png(np.zeros((3, 3), np.uint8))
    with pytest.raises(TypeError, match="a crop is str; allowed: bytes of an image, a Path, RGB pixels"):
        Client().embed(["crop.jpg"])  # type: ignore[list-item]
    for timeout_s in (0.0, -1.0, float("inf"), float("nan"), 1e9):
        with pytest.raises(ValueError, match="timeout_s is"):
            Client(timeout_s=timeout_s)
    with pytest.raises(ValueError, match="1 entries and 0 crops"):
        Client().enrol([Entry("a", "c", NOW)], [])


def test_a_crowd_travels_in_several_requests_and_comes_back_as_one(client: Client, url: str) -> None:
    crowd = [picture(seed) for seed in range(150)]
    rows = client.embed(crowd).rows
    np.testing.assert_array_equal(rows, np.concatenate([client.embed([crop]).rows for crop in crowd]))
    found = client.search(crowd[:70], Search(k=1))
    alone = [client.search([crop], Search(k=1))[0] for crop in crowd[:70]]
    assert [matches[0].id for matches in found] == [matches[0].id for matches in alone]
    spoiled = [*crowd[:100], b"junk", *crowd[100:], b"junk"]
    assert client.embed(spoiled, skip_bad=True).skipped == (100, 151)
    with pytest.raises(Refused, match="crop 100: not an image") as refused:
        client.embed(spoiled)
    assert refused.value.index == 100

    async def elsewhere() -> np.ndarray:
        async with AsyncClient(url) as other:
            return (await other.embed(crowd)).rows

    np.testing.assert_array_equal(asyncio.run(elsewhere()), rows)


def test_as_many_embeddings_are_searched_as_crops(client: Client, url: str) -> None:
    rows = client.embed([picture(seed) for seed in range(150)]).rows
    found = client.search_embeddings(rows, Search(k=2))
    assert [[m.id for m in one] for one in found] == [
        [m.id for m in client.search_embeddings(row, Search(k=2))[0]] for row in rows
    ]
    assert len(client.search_embeddings(rows[:100], Search(fuse="mean"))) == 1
    with pytest.raises(ValueError, match="row 1 is zero or not finite"):
        client.search_embeddings(client.embed([picture(0), b"junk"], skip_bad=True).rows)

    async def elsewhere() -> list[list[Match]]:
        async with AsyncClient(url) as other:
            return await other.search_embeddings(rows, Search(k=2))

    assert asyncio.run(elsewhere()) == found


def test_the_async_client_makes_its_requests_beside_the_event_loop(url: str) -> None:
    readers: set[threading.Thread] = set()

    class Watched(type(Path())):  # type: ignore[misc]
        def read_bytes(self) -> bytes:
            readers.add(threading.current_thread())
            return png(picture(1))

    async def everything() -> None:
        async with AsyncClient(url) as other:
            await other.embed([Watched("a")])
            await other.search([Watched("a")])
            await other.enrol([Entry("watched", "c0", NOW)], [Watched("a")])
            await other.request("DELETE", "/galleries/default/entries/watched")

    asyncio.run(everything())
    assert readers
    assert threading.main_thread() not in readers


@given(st.lists(st.integers(0, 3 * BYTES_TOGETHER), max_size=200))
def test_parts_are_small_enough_and_nothing_is_lost(sizes: list[int]) -> None:
    firsts, parts = zip(*together(sizes, lambda size: size), strict=True)
    assert [size for part in parts for size in part] == sizes
    assert list(firsts) == [sum(map(len, parts[:i])) for i in range(len(parts))]
    assert all(len(part) <= CROPS_TOGETHER and (len(part) <= 1 or sum(part) <= BYTES_TOGETHER) for part in parts)
    assert all(parts) or parts == ([],)


def test_a_model_that_changes_between_two_requests_is_noticed() -> None:
    with pytest.raises(ValueError, match="changed its model meanwhile: a and b"):
        joined([Embeddings(np.zeros((1, 4), np.float32), name) for name in "ab"])


def test_folders_of_people(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        Image.fromarray(picture(len(name))).save(tmp_path / name / "000.png")
    arguments = ["enrol", str(tmp_path), "--url", url, "--camera", "gate", "--name-pattern", "(?P<person>[^/]+)/"]
    assert main(arguments) == 0
    assert "2 entries stored in 'default', 2 of them new" in capsys.readouterr().out
    with Client(url) as client:
        assert client.request("GET", "/galleries/default/entries/anna_000")["person_id"] == "anna"
    Image.fromarray(picture(9)).save(tmp_path / "anna_000.png")
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "anna/000.png" in said
    assert "anna_000.png would both be the entry 'anna_000'" in said
    assert main(["enrol", str(tmp_path / "anna"), str(tmp_path / "ben"), *arguments[2:]]) == 1
    assert "would both be the entry '000'; give a folder above both" in capsys.readouterr().err
    assert main(["search", str(tmp_path), "--url", url, "-k", "1", "--json"]) == 0
    assert [found["query"] for found in json.loads(capsys.readouterr().out)] == [
        "anna/000.png", "anna_000.png", "ben/000.png"
    ]  # fmt: skip


def test_every_file_named_gets_its_row(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crop, rows = tmp_path / "a.png", tmp_path / "rows"
    Image.fromarray(picture(1)).save(crop)
    assert main(["embed", str(crop), str(crop), "--url", url, "-o", str(rows)]) == 0
    assert np.load(rows).shape == (2, DIM)
    for place in (tmp_path, tmp_path / "nowhere" / "rows.npy"):
        assert main(["embed", str(crop), "--url", "http://127.0.0.1:9", "-o", str(place)]) == 1
        assert f"cannot write {place}" in capsys.readouterr().err


def test_a_long_enrolment_leaves_places_to_others(tmp_path: Path) -> None:
    for seed in range(300):
        (tmp_path / f"{seed}.png").write_bytes(png(picture(seed)))
    encoder = FakeEncoder(before=lambda _: time.sleep(0.02))
    with served(create_app(Settings(threads=1, queue_crops=128), encoder=encoder, galleries=MemoryGalleries())) as url:
        assert main(["enrol", str(tmp_path), "--url", url, "--camera", "gate"]) == 0
        assert 'reason="full"' not in httpx.get(f"{url}/metrics").text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["enrol", "--name-pattern", "("], "'(' is no regular expression"),
        (["enrol", "--captured-at", "yesterday"], "'yesterday' is no time"),
        (["enrol", "--captured-at", "2026-11-22"], "2026-11-22 needs a time zone"),
        (["search", "--filter", "{cameras"], "'{cameras' is not JSON"),
        (["search", "--filter", "[]"], "'[]' is no JSON object"),
    ],
)
def test_an_option_that_cannot_be_one(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit):
        main([*arguments, "a.png"])
    assert words in capsys.readouterr().err


def test_the_command_line(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(40, 80):
        Image.fromarray(picture(seed)).save(tmp_path / f"{seed:04}_c{seed % 3}_x.png")
    there = ["--url", url]
    pattern = r"(?P<person>\d+)_c(?P<camera>\d+)"
    assert main(["enrol", str(tmp_path), *there, "--gallery", "default", "--name-pattern", pattern]) == 0
    assert "40 entries stored in 'default', 40 of them new" in capsys.readouterr().out
    assert main(["search", str(tmp_path / "0050_c2_x.png"), *there, "-k", "1", "--json"]) == 0
    assert '"person_id": "0050"' in capsys.readouterr().out
    assert main(["search", str(tmp_path), *there, "-k", "1", "--fuse", "best"]) == 0
    assert main(["embed", str(tmp_path), *there, "-o", str(tmp_path / "rows.npy")]) == 0
    assert np.load(tmp_path / "rows.npy").shape == (40, DIM)


def test_names_are_no_markup_and_ids_are_whole(
    url: str, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crop, name = tmp_path / "[red]x.png", "a long name " * 10
    Image.fromarray(picture(91)).save(crop)
    client.request("PUT", "/galleries/names")
    client.enrol([Entry(name, "[/x]", NOW, person_id="[bold]")], [crop], gallery="names")
    assert main(["search", str(crop), "--url", url, "--gallery", "names"]) == 0
    told = capsys.readouterr().out
    assert all(text in told for text in ("[red]x.png", "[/x]", "[bold]", name.strip()))


def test_an_enrolment_that_fails_says_how_far_it_came(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(CROPS_TOGETHER):
        Image.fromarray(picture(seed)).save(tmp_path / f"a{seed:03}.png")
    (tmp_path / "z.png").write_text("hello")
    assert main(["enrol", str(tmp_path), "--url", url, "--camera", "c"]) == 1
    told = capsys.readouterr().err
    assert f"{CROPS_TOGETHER} or more of {CROPS_TOGETHER + 1} entries are stored" in told
    assert "z.png: crop 0: not an image" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["embed", "nowhere.jpg"], "no file or folder nowhere.jpg"),
        (["embed", "."], "no images"),
        (["enrol", "a.png"], "give --camera"),
        (["search", "text.png"], "text.png: crop 0: not an image"),
        (["search", "a.png", "--gallery", "nowhere"], "no gallery named 'nowhere'"),
        (["embed", "a.png", "--url", "http://there:port"], "Invalid port"),
    ],
)
def test_one_clear_line(
    *,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if arguments[1] != ".":
        Image.fromarray(picture(1)).save("a.png")
        Path("text.png").write_text("hello")
    assert main([arguments[0], "--url", url, *arguments[1:]]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert words in error
