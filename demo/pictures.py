"""`python -m demo.pictures`: takes the pictures of docs/page.md from a running `make demo`, in Chromium."""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Error, Page, sync_playwright

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
SURE, UNSURE = "person 15 behind a hedge", "person 27 behind a car"


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 with one line if the demo does not answer or there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m demo.pictures", description="Takes the pictures of docs/page.md.")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the running demo (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the pictures (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"])
            take(browser, options.url, options.output)
            browser.close()
    except (OSError, Error) as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


def take(browser: Browser, url: str, folder: Path) -> None:
    """Writes search.png, unsure.png, timeline.png and phone.png."""
    folder.mkdir(parents=True, exist_ok=True)
    page = _searched(browser, url, SURE, DESKTOP, "light")
    _keep(page, folder / "search.png")
    page.locator("#cards").get_by_role("button", name="All sightings of").first.click()
    page.locator("#person-cards img[src^=blob]").nth(5).wait_for()
    _keep(page, folder / "timeline.png")
    _keep(_searched(browser, url, UNSURE, DESKTOP, "dark"), folder / "unsure.png")
    _keep(_searched(browser, url, UNSURE, PHONE, "dark"), folder / "phone.png")


def _searched(browser: Browser, url: str, example: str, size: dict[str, int], scheme: str) -> Page:
    page = browser.new_page(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page.goto(url)
    page.get_by_role("button", name=f"Search for {example}").click()
    page.locator("#cards img[src^=blob]").nth(19).wait_for()
    page.locator("#figures dd").nth(4).wait_for()
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    return page


def _keep(page: Page, path: Path) -> None:
    """256 colours: half the bytes, and nobody sees it."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(256).save(path, optimize=True)


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise OSError("no Chromium on this machine")
    return found


if __name__ == "__main__":
    sys.exit(main())
