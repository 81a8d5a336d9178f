"""What somebody sees who runs `make demo` and tries every example, with the model and the people that it ships."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from demo import crops, examples
from demo.__main__ import DRAWN_MODEL, PEOPLE
from reid_client import Client
from service.app import create_app
from service.encoder import OnnxEncoder
from service.settings import Settings
from tests.page.conftest import Open
from tests.service.fakes import MemoryGalleries
from tests.service.live import served

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """The URL of a service like the demo's; asked for before `visit`, so that the page is closed before it."""
    people, queries = tmp_path / "people", tmp_path / "queries"
    crops.draw_people(people, PEOPLE)
    examples.half_hidden(people, queries)
    sightings = list(crops.drawn(people, "gallery"))
    encoder = OnnxEncoder(ROOT / DRAWN_MODEL, threads=1)
    settings = Settings(threads=1, examples_dir=queries)
    with served(create_app(settings, encoder=encoder, galleries=MemoryGalleries())) as url:
        with Client(url) as client:
            for start in range(0, len(sightings), 100):
                part = sightings[start : start + 100]
                client.enrol([s.entry for s in part], [s.path for s in part])
        yield url


@pytest.mark.slow
def test_nine_in_ten_examples_are_right_and_a_wrong_first_rank_looks_unsure(demo: str, visit: Open) -> None:
    page = visit(demo)
    expect(page.locator("#attribute-name option")).not_to_have_count(0)
    page.get_by_role("button", name="More examples").click()
    right = []
    for button in page.locator(".example").all():
        wanted = re.search(r"person \d+", button.get_attribute("title") or "")
        assert wanted
        page.locator("#status").evaluate("status => status.textContent = ''")
        button.click()
        expect(page.locator("#status")).to_contain_text(re.compile(r" in \d+ ms"))
        right.append(page.locator("#cards .who").first.inner_text() == wanted[0])
        if not right[-1]:
            expect(page.locator("#verdict")).to_have_class("verdict unsure")
            expect(page.locator("#cards .card").first).to_have_class(re.compile("doubtful"))
    assert len(right) == examples.MANY
    assert sum(right) >= 0.9 * len(right)
