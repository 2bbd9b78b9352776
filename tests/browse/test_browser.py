"""The application in a real browser, with the real detector, SAM and network behind it. Skipped where
Chromium or Playwright (extra `browser`) is missing."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import cv2
import numpy as np
import pytest

from meshgait_cli import demo
from meshgait_cli.assets import fetch
from meshgait_cli.gallery.enrol import enrol
from meshgait_cli.gallery.store import Store
from meshgait_cli.pipeline import Extractor
from meshgait_cli.shipped import folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EVIL, PATH = "<script>alert(1)</script>", "../../x"
NAMES = ("anna", "ben", "cleo", "dan", "eve", EVIL, PATH)

DROPPED = """([content, name]) => {
    const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
    const held = new DataTransfer();
    held.items.add(new File([bytes], name));
    return held;
}"""


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven synthetic people in a gallery of the shipped network."""
    store = Store.create(tmp_path_factory.mktemp("browse") / "known")
    extractor = Extractor(device="cpu")
    for name, path in zip(NAMES, sorted((folder("examples") / "walkers").glob("*.npz")), strict=False):
        enrol(store, [path], extractor, identity=name, camera="door")
    return store.folder


@pytest.fixture
def gallery(enrolled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(enrolled, tmp_path / "known"))


@pytest.fixture
def address(gallery: Path) -> Iterator[str]:
    """Where the command serves the gallery."""
    pytest.importorskip("uvicorn")
    command = [sys.executable, "-m", "meshgait_cli", "gallery", "browse", str(gallery), "--no-open"]
    with subprocess.Popen(
        [*command, "--device", "cpu"], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as running:
        assert running.stdout is not None
        found = re.search(r"http://\S+", running.stdout.readline())
        assert found is not None
        yield found[0]
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(20) == 0
        finally:
            running.kill()


@pytest.fixture
def opened(launch: Callable[..., Any], address: str) -> Iterator[Callable[..., Any]]:
    """opened(**context): the first page, and everything that went wrong or was asked of elsewhere."""
    contexts = []
    browser = launch()

    def visit(**context: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context}))
        page = contexts[-1].new_page()
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
        home = address.split("/?")[0]
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((home, "data:")) else troubles.append(asked.url),
        )
        page.goto(address)
        page.locator("ul.cards").wait_for()
        assert page.url == f"{home}/"  # the token is not left in the address
        return page, troubles

    yield visit
    for each in contexts:
        each.close()
    browser.close()


def _said(page: Any) -> str:
    page.locator("[data-said]").wait_for()
    return page.locator("[data-said]").inner_text()


def _until(true: Callable[[], bool], seconds: float = 240.0) -> None:
    """Wait for it. (Playwright's own waiting evaluates text as code, which the pages' policy forbids.)"""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end
        sleep(0.1)


def test_every_page_opens_in_silence_light_and_dark(opened: Any) -> None:
    for scheme in ("light", "dark"):
        page, troubles = opened(color_scheme=scheme)
        assert page.locator("ul.cards li").count() == len(NAMES)
        pictures = page.locator("img.thumb")
        pictures.last.scroll_into_view_if_needed()
        _until(
            lambda seen=pictures: all(one.evaluate("(e) => e.naturalWidth") == 44 for one in seen.all()), 10
        )
        ink = page.evaluate("getComputedStyle(document.body).color")[4:-1].split(",")
        assert (sum(map(int, ink)) > 600) == (scheme == "dark")
        for name in (EVIL, PATH):
            page.locator("ul.cards a").filter(has_text=name).click()
            assert page.locator("h1").inner_text() == name
            page.locator("canvas.walk[data-frame]").wait_for()
            page.get_by_role("link", name="Erase " + name).click()
            assert page.locator("h1").inner_text() == f"Erase {name}?"
            page.get_by_role("link", name="Keep").click()
            page.get_by_role("link", name="About this gallery").click()
            page.get_by_role("link", name="Who is it?").click()
            page.get_by_role("link", name="People").click()
        assert troubles == []


def test_silhouettes_walk(opened: Any) -> None:
    page, _ = opened()
    page.locator("ul.cards a").filter(has_text="anna").click()
    canvas = page.locator("canvas.walk[data-frame]")
    canvas.wait_for()
    frame = canvas.get_attribute("data-frame")
    _until(lambda: canvas.get_attribute("data-frame") != frame, 10)
    page.get_by_role("button", name="Pause anna").click()
    page.wait_for_timeout(150)
    frame = canvas.get_attribute("data-frame")
    page.wait_for_timeout(400)
    assert canvas.get_attribute("data-frame") == frame


def test_rename_merge_and_remove_by_clicking(opened: Any, gallery: Path) -> None:
    page, troubles = opened()
    page.get_by_role("link", name="anna").click()
    page.get_by_label("New name").fill("Anna <b>Berger</b>")
    page.get_by_role("button", name="Rename").click()
    assert "anna is called Anna <b>Berger</b> now" in _said(page)
    assert page.evaluate("document.activeElement.hasAttribute('data-said')")
    assert "said=" not in page.url
    assert Store(gallery).people()["Anna <b>Berger</b>"] == 1

    page.get_by_label("The same person as").fill("ben")
    page.get_by_role("button", name="Look at both").click()
    assert page.locator("img.thumb").count() == 2
    page.get_by_role("button", name="Merge into Anna").click()
    assert "ben is Anna <b>Berger</b> now: 1 walk moved." in _said(page)
    assert Store(gallery).people()["Anna <b>Berger</b>"] == 2
    assert "ben" not in Store(gallery).people()

    page.get_by_role("link", name="Erase the walk").first.click()
    page.get_by_role("button", name="Erase for good").click()
    assert "One walk of Anna <b>Berger</b> was erased." in _said(page)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "meshgait-export.zip"

    page.get_by_role("link", name="Erase Anna").click()
    page.get_by_role("button", name="Erase for good").click()
    assert "was erased" in _said(page)
    assert page.locator("ul.cards li").count() == len(NAMES) - 2
    assert set(Store(gallery).people()) == {"cleo", "dan", "eve", EVIL, PATH}
    assert troubles == []


def test_everything_works_by_keyboard_and_without_scripts(opened: Any, gallery: Path) -> None:
    page, _ = opened(java_script_enabled=False)
    page.keyboard.press("Tab")
    assert page.locator(".skip:focus").count() == 1
    page.get_by_role("link", name="dan").focus()
    page.keyboard.press("Enter")
    page.get_by_label("New name").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("daniel")
    page.keyboard.press("Enter")
    assert "dan is called daniel now" in _said(page)
    page.get_by_role("link", name="Erase daniel").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Erase for good").focus()
    page.keyboard.press("Enter")
    assert "daniel was erased" in _said(page)
    assert not {"dan", "daniel"} & set(Store(gallery).people())


def test_a_dropped_video_is_answered_and_its_walker_enrolled(opened: Any, gallery: Path) -> None:
    """The park clip: one woman walks, and the man on the wall does not."""
    page, troubles = opened()
    clip = base64.b64encode(fetch(demo.CLIP).read_bytes()).decode()
    held = page.evaluate_handle(DROPPED, [clip, f"{EVIL}.mp4"])
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": held})
    words = page.locator("[data-words]")
    words.wait_for()
    seen = set()

    def over() -> bool:
        if page.locator("[data-words]").count():
            seen.add(page.locator("[data-words]").first.text_content().split(":")[0])
        return page.locator("article.answer").count() > 0 or page.locator("main [role=alert]").count() > 0

    _until(over)
    assert {"loading the models", "looking at the frames"} <= seen
    assert not list(Store(gallery).work.iterdir())
    assert page.locator("h1").inner_text() == "script>.mp4"  # what a path's last part is
    assert page.locator("article.answer").count() == 1
    assert page.locator("article.answer figure").count() == 4
    assert "track 1: stands or does not walk" in page.locator("#answers").inner_text()
    _until(lambda: page.locator(".beside canvas[data-frame]").count() == 4, 10)

    body = page.locator("[data-viewer] canvas")
    body.scroll_into_view_if_needed()
    _until(lambda: body.get_attribute("data-frame") is not None, 10)
    seen_body = cv2.imdecode(np.frombuffer(body.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert 0.01 < (seen_body.max(2) - seen_body.min(2) > 40).mean() < 0.6  # a coloured body on grey
    yaw = body.get_attribute("data-yaw")
    body.press("ArrowLeft")
    _until(lambda: body.get_attribute("data-yaw") != yaw, 10)

    first = page.locator(".suggestions li").first
    name = first.locator(".name").inner_text()
    first.get_by_role("button", name="Reject").click()
    assert f"is not {name}: noted" in _said(page)
    assert "you said no" in page.locator(".suggestions li").first.inner_text()
    page.get_by_label("It is somebody else").fill("the woman in the park")
    page.get_by_role("button", name="under this name").click()
    assert "the woman in the park is new in the gallery" in _said(page)
    page.get_by_role("link", name="the woman in the park").click()
    assert re.search(r"seen\s+1\.\d to 6\.\d s", page.locator("table.numbers").inner_text())
    assert Store(gallery).people()["the woman in the park"] == 1
    assert troubles == []


def test_what_is_no_video_is_said_in_words(opened: Any, tmp_path: Path) -> None:
    page, troubles = opened()
    (tmp_path / "text.mp4").write_text("this is no video")
    page.locator("[data-file]").set_input_files(tmp_path / "text.mp4")
    page.locator("main [role=alert]").wait_for(timeout=60_000)
    assert "text.mp4 is not a video" in page.locator("main [role=alert]").inner_text()
    page.get_by_role("link", name="Try another one").click()
    page.wait_for_url("**/search")  # with its scripts
    (tmp_path / "empty.mp4").touch()
    page.locator("[data-file]").set_input_files(tmp_path / "empty.mp4")
    _until(lambda: page.locator("[data-trouble]").is_visible(), 10)
    assert "0 bytes" in page.locator("[data-trouble]").inner_text()
    assert page.locator("[data-file]").is_enabled()
    assert [one for one in troubles if "400" not in one] == []  # the browser notes the refusal


def test_a_telephone_needs_no_sideways_scrolling(opened: Any) -> None:
    page, _ = opened(viewport={"width": 390, "height": 844})
    for name in (None, "anna", EVIL):
        if name is not None:
            page.get_by_role("link", name="People").click()
            page.locator("ul.cards a").filter(has_text=name).click()
            page.locator("h1").get_by_text(name).wait_for()
            page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
