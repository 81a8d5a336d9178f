"""What an operator does on the search page, done in Chromium."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import JSHandle, Page, Route, expect

from service.app import create_app
from service.keys import KeyFile
from service.settings import Settings
from tests.page.conftest import CAMERAS, PERSONS, Open, Start, crop
from tests.service.fakes import FakeEncoder, MemoryGalleries
from tests.service.live import served

Picture = Callable[[int], Path]


def cards(page: Page, inside: str = "#cards") -> list[str]:
    """The people on the cards, best first."""
    expect(page.locator(f"{inside} .card").first).to_be_visible()
    expect(page.locator("#results")).not_to_have_attribute("aria-busy", "true")
    return page.locator(f"{inside} .card .who").all_inner_texts()


def searched(page: Page, *files: Path) -> list[str]:
    page.set_input_files("#file", list(files))
    expect(page.locator("#status")).to_contain_text(re.compile(r" in \d+ ms"))
    return cards(page)


def test_one_click_on_an_example_finds_the_person(start: Start, visit: Open) -> None:
    page = visit(start())
    page.get_by_role("button", name="Search for person 7 behind a bench").click()
    found = cards(page)
    assert found[0] == "person 7"
    assert len(found) == len(set(found)) == PERSONS
    expect(page.locator("#cards .picture").first).to_have_attribute("src", re.compile("^blob:"))


def test_a_search_before_the_galleries_are_known_shows_pictures_too(
    start: Start, visit: Open, picture: Picture
) -> None:
    page = visit(start())
    held: list[Route] = []
    page.route("**/galleries", lambda route: held.append(route))  # noqa: PLW0108 - Playwright wants a function
    page.reload()
    page.set_input_files("#file", str(picture(1)))
    assert cards(page)[0] == "person 1"
    expect(page.locator("#cards .picture").first).to_have_attribute("src", re.compile("^blob:"))
    held[0].continue_()


def test_several_crops_are_one_track(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    with page.expect_request("**/search?*") as sent:
        page.set_input_files("#file", [picture(4), picture(5)])
    assert "fuse=mean" in sent.value.url
    assert set(cards(page)[:2]) == {"person 4", "person 5"}
    page.get_by_role("button", name="Remove crop 2").click()
    expect(page.locator("#cards .who").first).to_have_text("person 4")


_FILES = """files => {
    const data = new DataTransfer();
    for (const [name, type, text] of files) {
        const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
    }
    return data;
}"""


def carried(page: Page, *files: tuple[str, str, bytes]) -> JSHandle:
    """A DataTransfer with real files, as the desktop or another program hands it over."""
    return page.evaluate_handle(_FILES, [(name, kind, b64encode(data).decode()) for name, kind, data in files])


def test_dropped_crops_are_searched(start: Start, visit: Open) -> None:
    page = visit(start())
    expect(page.locator("#figures")).to_contain_text("entries")
    files = carried(page, ("a.png", "image/png", crop(4, 50)), ("b.png", "image/png", crop(4, 51)))
    page.dispatch_event("#drop", "dragover", {"dataTransfer": files})
    expect(page.locator("#drop")).to_have_class("drop over")
    with page.expect_request("**/search?*") as sent:
        page.dispatch_event("#empty", "drop", {"dataTransfer": files})  # anywhere on the page will do
    assert "fuse=mean" in sent.value.url
    assert cards(page)[0] == "person 4"
    expect(page.locator("#tray img")).to_have_count(2)
    expect(page.locator("#drop")).to_have_class("drop")


def test_a_dropped_file_that_is_no_picture_is_left_out(start: Start, visit: Open) -> None:
    page = visit(start())
    expect(page.locator("#figures")).to_contain_text("entries")
    files = carried(page, ("notes.txt", "text/plain", b"hello"))
    page.dispatch_event("body", "drop", {"dataTransfer": files})
    expect(page.locator("#status")).to_contain_text("Only JPEG, PNG and WebP")
    expect(page.locator("#empty")).to_be_visible()


def test_a_picture_in_the_clipboard_is_pasted(start: Start, visit: Open) -> None:
    page = visit(start(), permissions=["clipboard-read", "clipboard-write"])
    expect(page.locator("#figures")).to_contain_text("entries")
    page.evaluate(
        """async text => {
            const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
            const picture = new Blob([bytes], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
        }""",
        b64encode(crop(6, 50)).decode(),
    )
    page.locator("#results").focus()
    page.keyboard.press("Control+v")
    assert cards(page)[0] == "person 6"
    expect(page.locator("#tray img")).to_have_count(1)


def test_text_is_pasted_as_text(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(), permissions=["clipboard-read", "clipboard-write"])
    searched(page, picture(1))
    page.get_by_role("button", name="Enrol these crops…").click()
    page.evaluate("navigator.clipboard.writeText('the back door')")
    page.get_by_label("Camera", exact=True).press("Control+v")
    expect(page.get_by_label("Camera", exact=True)).to_have_value("the back door")
    expect(page.locator("#tray img")).to_have_count(1)


def test_fifty_results_and_grouping(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    page.get_by_role("combobox", name="Show", exact=True).select_option("50")
    page.get_by_label("One card for each person").uncheck()
    found = searched(page, picture(2))
    assert len(found) == 50
    assert found[:CAMERAS] == ["person 2"] * CAMERAS


def test_filters_by_camera_time_and_attribute(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(), timezone_id="UTC")
    searched(page, picture(3))
    page.get_by_role("checkbox", name="camera 2").check()
    expect(page.locator("#cards .where").filter(has_not_text="camera 2")).to_have_count(0)
    expect(page.locator("#cards .card")).to_have_count(PERSONS)
    page.get_by_role("checkbox", name="camera 2").uncheck()
    page.get_by_label("From", exact=True).fill("2026-05-12T10:20")
    page.get_by_label("From", exact=True).blur()
    expect(page.locator("#cards .where").filter(has_not_text="camera 4")).to_have_count(0)
    expect(page.locator("#cards .card")).to_have_count(PERSONS)
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("combobox", name="Name", exact=True).select_option("coat")
    page.get_by_role("combobox", name="Value", exact=True).select_option(label="green")
    expect(page.locator("#cards .card")).to_have_count(PERSONS // 3)
    page.get_by_role("button", name="Remove coat: green").click()
    expect(page.locator("#cards .card")).to_have_count(PERSONS)


def test_search_from_a_card(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    searched(page, picture(1))
    page.locator("#cards .card").nth(3).get_by_role("button", name="Search from this").click()
    other = page.locator("#tray .like").inner_text()
    expect(page.locator("#cards .who").first).to_have_text(re.search(r"person \d+", other)[0])  # type: ignore[index]


def test_timeline_shows_every_camera_and_leads_to_the_sighting(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    searched(page, picture(6))
    page.get_by_role("button", name="All sightings of: person 6").click()
    expect(page.locator("#timeline circle")).to_have_count(CAMERAS)
    assert cards(page, "#person-cards") == ["person 6"] * CAMERAS
    page.locator("#timeline circle").nth(2).press("Enter")
    expect(page.locator(".card.picked .where")).to_have_text("camera 2")


def test_enrolled_crops_are_found_at_once_and_deleted_ones_are_gone(
    start: Start, visit: Open, picture: Picture
) -> None:
    page = visit(start())
    searched(page, picture(40))
    page.get_by_role("button", name="Enrol these crops…").click()
    page.get_by_label("Camera", exact=True).fill("door")
    page.get_by_label("Person, if known").fill("the new one")
    page.get_by_role("button", name="Enrol", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Enrolled the crop")
    expect(page.locator("#cards .who").first).to_have_text("the new one")
    expect(page.locator("#figures")).to_contain_text(f"{PERSONS * CAMERAS + 1}")
    page.get_by_role("button", name="Delete: the new one").click()
    page.get_by_role("button", name="Keep").click()
    assert cards(page)[0] == "the new one"
    page.get_by_role("button", name="Delete: the new one").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#cards .who").first).not_to_have_text("the new one")


def test_a_crop_sent_again_after_a_failure_is_the_same_entry(start: Start, visit: Open, picture: Picture) -> None:
    url = start()
    page = visit(url, expect_errors=True)
    searched(page, picture(40), picture(41))
    page.get_by_role("button", name="Enrol these crops…").click()
    page.get_by_label("Camera", exact=True).fill("door")
    sent: list[Route] = []

    def second_fails(route: Route) -> None:
        sent.append(route)
        route.fulfill(status=429, body="{}") if len(sent) == 2 else route.continue_()

    page.route("**/entries/*?*", second_fails)
    page.get_by_role("button", name="Enrol", exact=True).click()
    expect(page.locator("#enrol-error")).to_contain_text("busy")
    page.get_by_role("button", name="Enrol", exact=True).dblclick()
    expect(page.locator("#status")).to_contain_text("Enrolled 2 crops")
    assert httpx.get(f"{url}/galleries/default").json()["entries"] == PERSONS * CAMERAS + 2
    assert len(sent) == 4


def test_what_is_gone_already_is_not_said_to_be_deleted(start: Start, visit: Open, picture: Picture) -> None:
    url = start()
    page = visit(url)
    searched(page, picture(5))
    gone = page.locator("#cards .card").first.get_attribute("data-id")
    httpx.delete(f"{url}/galleries/default/entries/{gone}")
    page.get_by_role("button", name="Delete: person 5").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#status")).to_have_text(f"{gone} was not there any more.")


def test_another_gallery_has_other_results(start: Start, visit: Open, picture: Picture) -> None:
    url = start()
    httpx.put(f"{url}/galleries/second")
    page = visit(url)
    searched(page, picture(5))
    page.locator("#cards .card").nth(3).get_by_role("button", name="Search from this").click()
    expect(page.locator("#tray .like")).to_be_visible()
    page.get_by_label("Gallery").select_option("second")
    expect(page.locator("#cards .card")).to_have_count(0)
    expect(page.locator("#tray .like")).to_have_count(0)
    expect(page.locator("#status")).not_to_contain_text("no entry")
    page.set_input_files("#file", str(picture(5)))
    expect(page.locator("#nothing-text")).to_contain_text("This gallery is empty")


def test_deleting_on_the_time_line(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    found = searched(page, picture(5))
    page.get_by_role("button", name="All sightings of: person 5").click()
    dialog = page.locator("#person-dialog")
    for left in reversed(range(CAMERAS)):
        dialog.get_by_role("button", name="Delete: person 5").first.click()
        page.get_by_role("button", name="Delete", exact=True).click()
        if left:
            expect(dialog.locator("#timeline circle")).to_have_count(left)
            expect(dialog.locator("#person-cards .card")).to_have_count(left)
            assert page.evaluate("document.activeElement.closest('dialog')?.id") == "person-dialog"
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "results"
    assert cards(page) == [name for name in found if name != "person 5"]


def test_erasing_a_person(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    searched(page, picture(5))
    page.get_by_role("button", name="All sightings of: person 5").click()
    page.get_by_role("button", name="Erase all of them…").click()
    page.get_by_role("button", name="Erase all", exact=True).click()
    expect(page.locator("#status")).to_have_text(f"Erased {CAMERAS} sightings of person 5.")
    assert "person 5" not in cards(page)


def test_a_key_is_asked_for_and_kept_for_the_tab_only(
    start: Start, visit: Open, picture: Picture, tmp_path: Path
) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    operator, filler = keys.create("operator", ["search"]), keys.create("filler", ["enrol", "embed"])
    url = start(keys=keys, fill_key=filler)
    page = visit(url, expect_errors=True)  # Chromium logs each 401 and 403 by itself
    page.get_by_label("Key", exact=True).fill("reid_€")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#key-error")).to_contain_text("only letters, digits")
    page.get_by_label("Key", exact=True).fill("reid_wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#key-error")).to_contain_text("does not know this key")
    page.get_by_label("Key", exact=True).fill(operator)
    page.get_by_role("button", name="Use this key").click()
    assert searched(page, picture(8))[0] == "person 8"
    expect(page.locator("#cards .picture").first).to_have_attribute("src", re.compile("^blob:"))
    page.get_by_role("button", name="Delete: person 8").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Your key does not allow this")
    assert page.evaluate("localStorage.length") == 0
    assert operator not in page.evaluate("location.href + document.cookie")


def test_a_key_that_sees_no_gallery_is_told_so(start: Start, visit: Open, tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    guest, filler = keys.create("guest", ["search"], gallery="not-yet"), keys.create("filler", ["enrol", "embed"])
    page = visit(start(keys=keys, fill_key=filler), expect_errors=True)
    page.get_by_label("Key", exact=True).fill(guest)
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#status")).to_contain_text("no gallery that this key may see")


def test_without_a_calibration_a_narrow_lead_is_called_unsure(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start())
    searched(page, picture(4), picture(9))  # a track of two people: halfway between both
    expect(page.locator("#verdict")).to_contain_text("Unsure")
    expect(page.locator("#threshold-field")).to_be_hidden()
    page.get_by_role("button", name="Remove crop 2").click()
    expect(page.locator("#verdict")).to_contain_text("no calibration")


def test_with_a_calibration_a_line_parts_the_results(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(calibrated=True))
    searched(page, picture(4))
    expect(page.locator("#verdict")).to_contain_text("person 4 lies above your line.")
    expect(page.locator(".doubtful")).to_have_count(0)
    order = page.locator("#cards > li").evaluate_all("items => items.map(item => item.className)")
    assert order[:3] == ["card wide", "line", "card below"]
    expect(page.locator(".chance").first).to_contain_text("% as a pair")
    page.get_by_role("combobox", name="False matches accepted").select_option(label="no line")
    expect(page.locator(".line")).to_have_count(0)
    page.get_by_role("combobox", name="False matches accepted").select_option(label="1 %")
    expect(page.locator(".line")).to_contain_text("score 0.700")
    searched(page, picture(70))
    expect(page.locator("#verdict")).to_contain_text("No match")
    expect(page.locator(".doubtful .rank")).to_have_text("Rank 1 ?")


def test_two_persons_above_the_line_are_never_sure(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(calibrated=True))
    page.get_by_role("combobox", name="False matches accepted").select_option(label="10 %")
    found = searched(page, picture(4), picture(9))[:2]
    assert set(found) == {"person 4", "person 9"}
    expect(page.locator("#verdict")).to_have_text(
        f"Unsure. {found[0]} and {found[1]} both lie above your line, and at most one of them is right. "
        "Compare the pictures."
    )
    expect(page.locator(".doubtful .who")).to_have_text(found)


def test_filters_that_let_nobody_pass_are_undone_in_one_click(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(), timezone_id="UTC")
    searched(page, picture(3))
    expect(page.locator("#span")).to_have_text("Entries are from 2026-05-12.")
    page.get_by_label("From", exact=True).fill("2027-01-01T00:00")
    page.get_by_label("From", exact=True).blur()
    expect(page.locator("#nothing")).to_contain_text("No sighting passes the filters.")
    page.locator("#unfilter").click()
    assert cards(page)[0] == "person 3"
    expect(page.locator("#nothing")).to_be_hidden()


def test_without_stored_pictures_a_placeholder_says_so(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(store_thumbnails=False))
    searched(page, picture(2))
    expect(page.locator("#cards .picture").first).to_have_attribute("src", "/assets/nobody.svg")
    expect(page.locator("#cards .no-picture").first).to_have_text("no picture stored")


def test_a_service_that_is_gone_is_said_to_be(visit: Open, picture: Picture) -> None:
    with ExitStack() as stack:
        app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
        page = visit(stack.enter_context(served(app)), expect_errors=True)
        expect(page.locator("#figures")).to_contain_text("entries")
        stack.close()
        page.set_input_files("#file", str(picture(1)))
        expect(page.get_by_role("alert").first).to_contain_text("does not answer")


def test_a_service_that_is_back_is_used_again(start: Start, visit: Open, picture: Picture) -> None:
    page = visit(start(), expect_errors=True)
    expect(page.locator("#figures")).to_contain_text("entries")
    page.context.set_offline(True)
    page.set_input_files("#file", str(picture(1)))
    expect(page.locator("#banner")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#banner")).to_be_hidden(timeout=15_000)
    assert cards(page)[0] == "person 1"


def test_files_that_are_no_pictures_are_refused_in_words(start: Start, visit: Open, tmp_path: Path) -> None:
    page = visit(start(), expect_errors=True)
    text, broken = tmp_path / "notes.txt", tmp_path / "broken.png"
    text.write_text("hello")
    broken.write_bytes(b"\x89PNG, or so it says")
    page.set_input_files("#file", str(text))
    expect(page.locator("#status")).to_contain_text("Only JPEG, PNG and WebP")
    page.get_by_role("button", name="Search for person 7 behind a bench").click()
    assert cards(page)[0] == "person 7"
    page.set_input_files("#file", str(broken))
    expect(page.locator("#status")).to_contain_text("not an image")
    expect(page.locator("#cards .card")).to_have_count(0)
    expect(page.locator("#verdict")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_has_a_name_and_text_has_contrast(
    start: Start, visit: Open, picture: Picture, scheme: str
) -> None:
    page = visit(start(), color_scheme=scheme)
    searched(page, picture(3))
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, input, select, a, summary")].filter(e =>
        !(e.getAttribute("aria-label") || e.innerText || e.textContent || (e.labels && e.labels.length))
    ).map(e => e.outerHTML)""")
    assert nameless == []
    colours = page.evaluate("""() => { const s = getComputedStyle(document.documentElement); return Object.fromEntries(
        ["ground","panel","ink","soft","accent","on-accent","warn-ground","warn-ink","good-ground","good-ink","bad",
         "doubt","on-doubt","rim"]
        .map(n => [n, s.getPropertyValue("--" + n).trim()])) }""")
    for ink, ground in (("ink", "panel"), ("soft", "panel"), ("soft", "ground"), ("on-accent", "accent"),
                        ("accent", "panel"), ("warn-ink", "warn-ground"), ("good-ink", "good-ground"),
                        ("bad", "panel"), ("on-doubt", "doubt"), ("accent", "ground")):  # fmt: skip
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ground in ("panel", "ground"):
        assert contrast(colours["rim"], colours[ground]) >= 3, ground


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_keyboard_alone_is_enough(start: Start, visit: Open) -> None:
    page = visit(start())
    expect(page.locator(".example").first).to_be_visible()
    passed = []
    for _ in range(12):
        page.keyboard.press("Tab")
        passed.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")
        )
        if passed[-1].startswith("Search for"):
            break
    assert passed[0] == "Skip to the results"
    assert passed.index("Choose crops…") < len(passed) - 1
    page.keyboard.press("Enter")
    assert cards(page)[0] == "person 3"
    page.get_by_role("button", name="All sightings of: person 3").press("Enter")
    expect(page.locator("#person-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#person-dialog")).to_be_hidden()


def test_a_phone_shows_it_without_scrolling_sideways(start: Start, visit: Open) -> None:
    page = visit(start(), viewport={"width": 360, "height": 740})
    page.get_by_role("button", name="Search for person 3").click()
    cards(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.locator("#results-title")).to_be_in_viewport()


def test_more_examples_than_fit_come_on_demand(start: Start, visit: Open, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(15):
        (folder / f"{number:02d} number {number}.png").write_bytes(crop(number))
    page = visit(start(examples_dir=folder))
    expect(page.locator(".example")).to_have_count(12)
    page.get_by_role("button", name="More examples").click()
    expect(page.locator(".example")).to_have_count(15)
    page.get_by_role("button", name="Search for number 14").click()
    assert len(cards(page)) == PERSONS


def test_the_page_is_served_with_a_strict_policy_and_never_mixed_with_an_older_one(start: Start) -> None:
    url = start()
    for path in ("/", "/assets/app.js", "/assets/style.css"):
        headers = httpx.get(url + path).headers
        assert headers["cache-control"] == "no-cache"
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


def test_example_names_lead_nowhere_else(start: Start, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(crop(1))
    url = start()
    for name in ("../secret.png", "..%2Fsecret.png", "%2Fetc%2Fpasswd", "nobody.png"):
        assert httpx.get(f"{url}/examples/{name}").status_code in {404, 405}
