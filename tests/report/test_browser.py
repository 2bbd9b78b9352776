"""The page in a real browser: a headless Chromium that draws 3-D in software. Skipped where Chromium or
Playwright (extra `browser`) is missing."""

from __future__ import annotations

from io import BytesIO
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image

from meshgait_cli.pipeline import Extractor
from meshgait_cli.report.session import write_report

pytestmark = pytest.mark.slow

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser(launch):
    return launch()


@pytest.fixture
def page_file(tmp_path, make_result, make_answer, walks):
    """A match of a track among four people, one of an evil name, and two bodies."""
    found = make_answer([EVIL, "../../x", "cleo", "dan"], make_result(walks[:3], name=EVIL, refused=(2,)))
    return write_report(found, tmp_path / "page.html", extractor=Extractor(device="cpu"))


@pytest.fixture
def opened(browser, page_file):
    """opened(**context): the page, and everything that went wrong or was asked for."""
    contexts = []

    def visit(**context):
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 900}, **context))
        page = contexts[-1].new_page()
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
        page.on("request", lambda asked: troubles.append(asked.url) if _foreign(asked.url) else None)
        page.goto(page_file.as_uri())
        _until(lambda: page.locator("canvas.walk[data-frame]").count() >= 6)
        return page, troubles

    yield visit
    for context in contexts:
        context.close()


def _until(true, seconds=20.0):
    """Wait for it. (Playwright's own waiting evaluates text as code, which the page's policy forbids.)"""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end
        sleep(0.05)


def _foreign(url):
    return not url.startswith(("data:", "file:")) or url.endswith(("favicon.ico",))


def _pixels(element):
    with Image.open(BytesIO(element.screenshot())) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def _body(page):
    """Whether each pixel in the middle of the view is the body's: far from grey."""
    page.locator("#body").scroll_into_view_if_needed()
    pixels = _pixels(page.locator("[data-viewer] canvas"))
    return pixels.max(2) - pixels.min(2) > 40


def test_it_opens_in_silence_and_asks_for_nothing(opened):
    for scheme in ("light", "dark"):
        page, troubles = opened(color_scheme=scheme)
        page.wait_for_timeout(500)
        assert troubles == []
        assert EVIL in page.locator("h1").inner_text()
        assert EVIL in page.locator("article.answer h3").inner_text()
        ink = sum(
            int(part) for part in page.evaluate("getComputedStyle(document.body).color")[4:-1].split(",")
        )
        assert (ink > 600) == (scheme == "dark")


def test_the_body_is_drawn_walks_and_turns(opened):
    page, troubles = opened()
    page.locator("[data-viewer] [data-play]").click()  # stop
    front = _body(page)
    assert 0.005 < front.mean() < 0.2
    canvas = page.locator("[data-viewer] canvas")
    canvas.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    turned = _body(page)
    assert (front != turned).sum() > 0.1 * front.sum()
    for _ in range(4):
        page.keyboard.press("+")
    assert _body(page).sum() > 1.2 * turned.sum()
    box = canvas.bounding_box()
    yaw = float(canvas.get_attribute("data-yaw"))
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 200)
    page.mouse.up()
    assert float(canvas.get_attribute("data-yaw")) == pytest.approx(yaw + 1.0, abs=0.05)
    frame = canvas.get_attribute("data-frame")
    canvas.press(" ")
    _until(lambda: canvas.get_attribute("data-frame") != frame)
    assert troubles == []


def test_the_tabs_rove(opened):
    page, _ = opened()
    tabs = page.locator("[role=tab]")
    assert tabs.count() == 2
    tabs.nth(0).focus()
    for key, chosen in (("ArrowRight", 1), ("ArrowRight", 0), ("ArrowLeft", 1), ("Home", 0), ("End", 1)):
        page.keyboard.press(key)
        assert [tab.get_attribute("aria-selected") for tab in tabs.all()] == [
            "true" if place == chosen else "false" for place in range(2)
        ]
        assert page.evaluate("document.activeElement.id") == f"tab-{chosen}"
        assert tabs.nth(1 - chosen).get_attribute("tabindex") == "-1"
    second = _body(page)
    tabs.nth(0).click()
    assert (_body(page) != second).any()


def test_walkers_keep_step_and_stop_at_a_key(opened):
    page, _ = opened()
    apart = page.evaluate(
        """() => {
            const canvases = [...document.querySelectorAll('.beside canvas')];
            const phases = canvases.map((c) => DATA.walks[c.dataset.walk].phase[c.dataset.frame]);
            return phases.map((p) => Math.abs(p - phases[0] - Math.round(p - phases[0])));
        }"""
    )
    assert len(apart) == 4
    assert max(apart) < 0.12
    button = page.locator(".answer [data-play]")
    button.focus()
    page.keyboard.press("Enter")
    assert button.inner_text() == "Play"
    page.wait_for_timeout(100)
    shown = page.locator(".beside canvas").first.get_attribute("data-frame")
    page.wait_for_timeout(400)
    assert page.locator(".beside canvas").first.get_attribute("data-frame") == shown
    page.locator(".answer [data-scrub]").focus()
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    assert page.locator(".beside canvas").first.get_attribute("data-frame") != shown
    pixels = _pixels(page.locator(".beside canvas").first)
    assert 0.05 < (pixels.max(2) < 60).mean() < 0.6  # a silhouette, black on light


def test_who_wants_no_motion_gets_none(opened):
    page, _ = opened(reduced_motion="reduce")
    frames = "[...document.querySelectorAll('canvas')].map((c) => c.dataset.frame)"
    before = page.evaluate(frames)
    page.wait_for_timeout(500)
    assert page.evaluate(frames) == before
    assert set(page.locator("[data-play]").all_inner_texts()) == {"Play"}


def test_without_webgl_the_page_says_so(launch, page_file):
    browser = launch("--disable-3d-apis")
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(page_file.as_uri())
    page.locator("[data-nogl]").wait_for(state="visible")
    assert "WebGL" in page.locator("[data-nogl]").inner_text()
    assert not page.locator("[data-viewer] canvas").is_visible()
    assert errors == []


def test_without_scripts_the_answer_is_still_there(browser, page_file):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(page_file.as_uri())
    assert page.locator("article.answer table").first.is_visible()
    assert page.locator(".strip img").first.is_visible()
    assert page.locator("noscript").count() == 1


def test_a_telephone_needs_no_sideways_scrolling(browser, page_file):
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for cell in (".answer .scroll tbody th", ".measured .meaning"):  # words, not a letter a line
        box = page.locator(cell).first.bounding_box()
        assert box["width"] > 90
        assert box["height"] < 130  # five lines, in a wide font
