"""What can be done to people, and that it is really done."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from meshgait_cli.gallery.store import Store

EVIL, PATH = "<script>alert(1)</script>", "../../x"


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("new", ["eve", EVIL + "2", "../../../y", "田中 é", "a'b\"c&d"])
def test_rename(browser: Any, gallery: Path, new: str) -> None:
    answer = browser.post("/person/rename", name="ben", new=f" {new} ")
    assert answer.status_code == 200
    assert browser.said(answer) == f"ben is called {new} now (2 walks)."
    assert Store(gallery).people()[new] == 2
    assert "ben" not in Store(gallery).people()
    assert str(answer.url).startswith("http://127.0.0.1:8123/person?name=")


@pytest.mark.parametrize(
    ("name", "new", "why"),
    [
        ("ben", "anna", "in the gallery already"),
        ("ben", "  ", "1 to 200 characters"),
        ("ben", "x" * 201, "1 to 200 characters"),
        ("ben", "a\nb", "control characters"),
        ("nobody", "eve", "no 'nobody'"),
    ],
)
def test_what_cannot_be_a_name_changes_nothing(
    browser: Any, gallery: Path, name: str, new: str, why: str
) -> None:
    before = Store(gallery).people()
    assert why in browser.said(browser.post("/person/rename", name=name, new=new))
    assert Store(gallery).people() == before


def test_a_folder_of_videos_is_changed_in_the_folder(browser: Any, gallery: Path) -> None:
    """`files.json` stands in the gallery that such a folder has become."""
    (gallery / "files.json").write_text("{}")
    before = Store(gallery).people()
    for path, form in (("rename", {"new": "eve"}), ("merge", {"other": "anna"}), ("remove", {})):
        assert "follows the folder" in browser.said(browser.post(f"/person/{path}", name="ben", **form))
    assert Store(gallery).people() == before


def test_words_are_said_once(browser: Any) -> None:
    answer = browser.post("/person/rename", name="ben", new="eve")
    assert "data-said" in answer.text
    assert "data-said" not in browser.client.get(str(answer.url)).text


def test_merge_shows_both_first(browser: Any, gallery: Path) -> None:
    page = browser.get("/person/merge", name="ben", other=EVIL).text
    assert page.count('src="/energy/') == 2
    answer = browser.post("/person/merge", name="ben", other=EVIL)
    assert browser.said(answer) == f"{EVIL} is ben now: 1 walk moved."
    assert Store(gallery).people() == {"anna": 1, "ben": 3, PATH: 1}
    assert EVIL not in {row["identity"] for row in Store(gallery).describe()}


@pytest.mark.parametrize("other", ["nobody", "ben", ""])
def test_merging_with_nobody_is_refused(browser: Any, gallery: Path, other: str) -> None:
    before = Store(gallery).people()
    for answer in (
        browser.get("/person/merge", name="ben", other=other),
        browser.post("/person/merge", name="ben", other=other),
    ):
        assert 'role="alert"' in answer.text
        assert browser.said(answer)
    assert Store(gallery).people() == before


def test_removal_asks_then_erases(browser: Any, gallery: Path) -> None:
    store = Store(gallery)
    ids = [row["id"] for row in store.describe("ben")]
    asked = browser.get("/person/remove", name="ben")
    assert "It cannot be undone" in asked.text
    assert "ben" in store.people()
    answer = browser.post("/person/remove", name="ben", sequence="")
    assert browser.said(answer) == "ben was erased: 2 walks, with all pictures of them."
    assert answer.url.path == "/"
    assert "ben" not in Store(gallery).people()
    left = _bytes(gallery)
    assert b"ben.mp4" not in left
    assert not any(one.encode() in left for one in ids)
    assert not any((gallery / "silhouettes" / f"{one}.npz").exists() for one in ids)
    (entry,) = [one for one in store.audit.entries("ben") if one["action"] == "remove"]
    assert entry["sequences"] == 2
    store.audit.verify()


def test_one_walk_can_be_removed(browser: Any, gallery: Path) -> None:
    first, second = Store(gallery).describe("ben")
    assert first["name"] in browser.get("/person/remove", name="ben", sequence=first["id"]).text
    answer = browser.post("/person/remove", name="ben", sequence=first["id"])
    assert browser.said(answer) == "One walk of ben was erased."
    assert [row["id"] for row in Store(gallery).describe("ben")] == [second["id"]]
    last = browser.get("/person/remove", name="ben", sequence=second["id"]).text
    assert "It is the only one" in last
    answer = browser.post("/person/remove", name="ben", sequence=second["id"])
    assert answer.url.path == "/"
    assert "ben" not in Store(gallery).people()
    assert browser.get("/person/remove", name="anna", sequence="none").status_code == 404


def test_removing_nobody_says_so(browser: Any, gallery: Path) -> None:
    before = Store(gallery).people()
    assert "no 'nobody'" in browser.said(browser.post("/person/remove", name="nobody"))
    assert "'ben' has no sequence" in browser.said(
        browser.post("/person/remove", name="ben", sequence="x' OR '1'='1")
    )
    assert "no ''" in browser.said(browser.post("/person/remove"))
    assert Store(gallery).people() == before


@pytest.mark.parametrize("name", ["ben", EVIL, PATH])
def test_export_holds_one_person_and_leaves_nothing_behind(browser: Any, gallery: Path, name: str) -> None:
    answer = browser.post("/person/export", name=name)
    assert answer.headers["content-disposition"] == 'attachment; filename="meshgait-export.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = archive.namelist()
        index = json.loads(archive.read("export/sequences.json"))
        log = json.loads(archive.read("export/log.json"))
    assert {one["identity"] for one in index["sequences"]} == {name}
    assert len(index["sequences"]) == Store(gallery).people()[name]
    assert all(file.startswith("export/") and ".." not in file for file in files)
    assert {entry["action"] for entry in log} == {"enrol"}
    assert list(Store(gallery).work.iterdir()) == []
    assert "export" in {entry["action"] for entry in Store(gallery).audit.entries(name)}


def test_exporting_nobody_says_so(browser: Any) -> None:
    assert "no 'nobody'" in browser.said(browser.post("/person/export", name="nobody"))
