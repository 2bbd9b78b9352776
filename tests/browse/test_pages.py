"""What the pages show."""

from __future__ import annotations

import re
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from meshgait_cli.browse.people import names_of, shelf_of
from meshgait_cli.gallery.store import Store

EVIL, PATH = "<script>alert(1)</script>", "../../x"


def test_everybody_is_on_the_first_page(browser: Any) -> None:
    page = browser.get("/").text
    assert "4 people are known" in page
    for name in ("anna", "ben", EVIL, PATH):
        assert f'<bdi class="name">{escape(name)}</bdi>' in page
    assert "2 walks, quality 0.90" in page
    assert "no silhouettes kept" in page
    assert page.count('src="/energy/') == 3
    assert "camera <bdi>door</bdi>" in page


def test_names_are_text_wherever_they_stand(browser: Any) -> None:
    addresses = [
        ("/", {}), ("/", {"q": EVIL}), ("/search", {}), ("/about", {}),
        *(("/person", {"name": name}) for name in (EVIL, PATH, "anna")),
        *(("/person/remove", {"name": name}) for name in (EVIL, PATH)),
        ("/person/merge", {"name": EVIL, "other": PATH}),
        ("/person", {"name": "<b>nobody"}),
        (browser.answered(EVIL), {}),
    ]  # fmt: skip
    for path, query in addresses:
        page = browser.get(path, **query).text
        assert EVIL not in page, path
        assert "<b>nobody" not in page
        scripts = re.findall(r"<script(.*?)>", page)
        assert all('src="/assets/' in one or 'type="application/json"' in one for one in scripts)


def test_a_name_that_is_a_path_leads_to_its_person(browser: Any, gallery: Path) -> None:
    page = browser.get("/").text
    for name in (EVIL, PATH):
        (link,) = [
            found
            for found, inside in re.findall(r'<li><a href="([^"]+)">(.*?)</a></li>', page, re.S)
            if f">{escape(name)}<" in inside
        ]
        assert f"<h1><bdi>{escape(name)}</bdi></h1>" in browser.client.get(link.replace("&amp;", "&")).text
    assert not (gallery.parent.parent / "x").exists()


def test_one_part_of_a_name_finds_people(browser: Any) -> None:
    page = browser.get("/", q="NN").text
    assert "1 of 4" in page
    assert ">anna<" in page
    assert ">ben<" not in page
    assert "0 of 4" in browser.get("/", q="zzz").text


def test_a_person_is_shown_walking(browser: Any) -> None:
    page = browser.get("/person", name="ben").text
    assert page.count('class="walk"') == 2
    assert page.count("gait-energy image</figcaption>") == 2
    assert "ben.mp4 #4" in page
    assert "1.0 to 3.5 s" in page
    assert "/videos/" not in page  # where it lies on the disk is not for the page
    assert ">enrol</th>" in page
    assert "No silhouettes were kept" in browser.get("/person", name=PATH).text


def test_who_is_not_there_is_said_in_words(browser: Any) -> None:
    for path in ("/person", "/person/remove"):
        answer = browser.get(path, name="nobody")
        assert answer.status_code == 404
        assert "nobody is not in the gallery" in answer.text
    assert browser.get("/search/none").status_code == 404
    assert browser.get("/assets/secret").status_code == 404
    assert browser.get("/assets/..%2f..%2fapp.py").status_code == 404


def test_the_picture_is_the_mean_of_the_silhouettes(browser: Any, gallery: Path) -> None:
    store = Store(gallery)
    (row,) = store.describe("anna")
    answer = browser.get(f"/energy/{row['id']}.png")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(BytesIO(answer.content)) as picture:
        shown = np.asarray(picture)
    assert np.array_equal(shown, store.silhouettes(row["id"]).cropped.mean(0).round().astype(np.uint8))
    (kept_none,) = store.describe(PATH)
    for key in (kept_none["id"], "..%2f..%2fgallery", "nothing"):
        assert browser.get(f"/energy/{key}.png").status_code == 404


def test_the_log_and_the_numbers_are_shown(browser: Any, gallery: Path) -> None:
    page = browser.get("/about").text
    assert "net@1" in page
    assert "16 × 8" in page
    assert page.count(">enrol</th>") == 2
    assert "none was changed" in page
    log = gallery / "audit.jsonl"
    log.write_text(log.read_text().replace("enrol", "xxxxx", 1))
    assert "tampered" in browser.get("/about").text


def test_a_damaged_gallery_is_said_in_words(browser: Any, gallery: Path) -> None:
    (gallery / "gallery.json").write_text("{")
    answer = browser.get("/")
    assert answer.status_code == 409
    assert "damaged" in answer.text


@pytest.mark.parametrize(
    ("page", "shown"), [(1, [0, 1, 2]), (2, [3, 4, 5]), (3, [6]), (0, [0, 1, 2]), (9, [6])]
)
def test_shelves(page: int, shown: list[int]) -> None:
    shelf = shelf_of(range(7), page, 3)
    assert shelf.shown == shown
    assert shelf.pages == 3
    assert shelf_of([], page, 3).pages == 1


def test_a_large_gallery_has_pages(browser: Any, gallery: Path) -> None:
    from dataclasses import replace

    store = Store(gallery)
    one = store.sequences(["anna"])[0]
    store.add([replace(one, identity=f"n{number:03}", id="", source=str(number)) for number in range(70)])
    assert len(names_of(store)) == 74
    first, second = (browser.get("/", page=number).text for number in ("1", "2"))
    assert "page 1 of 2" in first
    assert "?page=2" in first
    assert len(re.findall('<bdi class="name">', first)) == 60
    assert len(re.findall('<bdi class="name">', second)) == 14
    for wrong in ("0", "-1", "x", "99999999999999", "²"):
        assert browser.get("/", page=wrong).status_code == 200
