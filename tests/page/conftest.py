"""The page in a real browser, before a real service on a real socket; only the model is a fake."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from reid_client import Client, Entry
from reid_contract import Calibration, Threshold
from service.app import create_app
from service.settings import Settings
from tests.service.fakes import FakeEncoder, MemoryGalleries
from tests.service.live import served

PERSONS, CAMERAS = 12, 5
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
CALIBRATION = Calibration(
    (0.0, 1.0),
    (0.0, 1.0),
    (Threshold(0.001, 0.9, 0.9), Threshold(0.01, 0.95, 0.7), Threshold(0.1, 0.99, 0.4)),
    0.5,
    "made-up pairs",
)

Start = Callable[..., str]
Open = Callable[..., Page]


def crop(person: int, camera: int = 0) -> bytes:
    """Blocks of colour: of the person, a little different on every camera."""
    blocks = np.random.default_rng(person).integers(0, 256, (4, 4, 3))
    blocks = blocks + np.random.default_rng((person, camera)).integers(-12, 13, blocks.shape)
    buffer = io.BytesIO()
    pixels = np.clip(blocks, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).resize((32, 64), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def entry(person: int, camera: int) -> Entry:
    moment = datetime(2026, 5, 12, 8, tzinfo=UTC) + timedelta(minutes=37 * camera + person)
    colour = ("red", "green", "blue")[person % 3]
    return Entry(
        f"p{person}-c{camera}", f"camera {camera}", moment, f"person {person}", {"coat": colour, "bag": "none"}
    )


@pytest.fixture(scope="module")  # not longer: Playwright keeps an event loop running in this thread, in others' way
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine; .ci/run installs it")
    playwright: Playwright
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(calibrated=…, keys=…, fill=…, **settings) gives the URL of a filled service."""
    with ExitStack() as stack:

        def begin(*, calibrated: bool = False, keys: Any = None, fill_key: str | None = None, **settings: Any) -> str:
            encoder = FakeEncoder()
            if calibrated:
                encoder.embedding = replace(encoder.embedding, calibration=CALIBRATION)
            folder = tmp_path / "examples"
            folder.mkdir(exist_ok=True)
            for number in (3, 7):
                (folder / f"0{number} person {number} behind a bench.png").write_bytes(crop(number, camera=99))
            wanted = {"threads": 1, "store_thumbnails": True, "examples_dir": folder} | settings
            app = create_app(Settings(**wanted), encoder=encoder, galleries=MemoryGalleries(), keys=keys)
            url = stack.enter_context(served(app))
            seen = [(p, c) for p in range(PERSONS) for c in range(CAMERAS)]
            with Client(url, key=fill_key) as client:
                client.enrol([entry(*s) for s in seen], [crop(*s) for s in seen])
            return url

        yield begin


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens a page; at the end nothing may have been complained of and no other host asked."""
    faults: list[str] = []
    with ExitStack() as stack:

        def begin(url: str, *, expect_errors: bool = False, **options: Any) -> Page:
            context = stack.enter_context(browser.new_context(**options))
            page = context.new_page()
            page.set_default_timeout(8000)
            if not expect_errors:
                page.on(
                    "console",
                    lambda m: (
                        faults.append(f"{m.text} {m.location['url']}") if m.type in {"error", "warning"} else None
                    ),
                )
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("request", lambda r: None if r.url.startswith((url, "blob:")) else faults.append(r.url))
            page.goto(url)
            return page

        yield begin
    assert not faults


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[int], Path]:
    """A crop of a person as a file, from a camera the gallery has not."""

    def written(person: int) -> Path:
        path = tmp_path / f"crop-{person}.png"
        path.write_bytes(crop(person, camera=50))
        return path

    return written
