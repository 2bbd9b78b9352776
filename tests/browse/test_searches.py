"""Search by a video: what is sent, what is kept of it, and what can be said to the answer."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshgait_cli.browse.forms import said_name
from meshgait_cli.errors import NoWalkerError
from meshgait_cli.gallery.store import Store

EVIL, PATH = "<script>alert(1)</script>", "../../x"


def _left(gallery: Path) -> list[Path]:
    work = Store(gallery).work
    return list(work.rglob("*")) if work.exists() else []


def test_a_dropped_video_is_answered_and_deleted(browser: Any, gallery: Path, ask: Any) -> None:
    ask.held.set()
    to = browser.drop(b"moving pictures", "monday.mp4").json()["to"]
    browser.wait(to, "running")
    while "4 of 10" not in browser.get(f"{to}/progress").json()["said"]:
        pass
    page = browser.get(to).text
    assert '<progress aria-labelledby="state" max="10" value="4">' in page
    assert "2 in view" in page
    (video,) = [path for path in _left(gallery) if path.is_file()]
    assert video.read_bytes() == b"moving pictures"
    assert video.stat().st_mode & 0o777 == 0o600
    assert video.parent.stat().st_mode & 0o777 == 0o700
    assert "monday" not in str(video)
    ask.held.clear()
    browser.wait(to, "done")
    assert _left(gallery) == []
    answer = browser.get(to).text
    assert "<h1><bdi>monday.mp4</bdi></h1>" in answer
    assert "accepted as anna" in answer
    assert answer.count('<figure class="candidate') == 3
    assert "a remark" in answer
    assert str(gallery) not in answer
    assert "accepted as anna" in browser.get("/search").text


@pytest.mark.parametrize(
    "name", [EVIL, PATH, "/etc/passwd", "C:\\x.mp4", "%3Cb%3E.mp4", "a%0Ab", "x" * 5000, "", "."]
)
def test_a_videos_name_is_shown_and_nothing_else(browser: Any, gallery: Path, ask: Any, name: str) -> None:
    to = browser.answered(name)
    assert browser.state(to) == "done"
    page = browser.get(to).text
    assert EVIL not in page
    assert "<b>.mp4" not in page
    (video, _), *_ = ask.seen
    assert video.parent.parent == Store(gallery).work
    assert video.name == to.rsplit("/", 1)[-1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("walk.mp4", "walk.mp4"), ("a/b/c.mp4", "c.mp4"), ("..\\..\\c.mp4", "c.mp4"), ("", "video"),
        ("z%C3%BCrich.mp4", "zürich.mp4"), ("a%E2%80%AEb", "a\ufffdb"), ("%FF", "\ufffd"),
        ("x" * 200, "x" * 119 + "…"),
    ],
)  # fmt: skip
def test_what_a_video_is_called(given: str, said: str) -> None:
    assert said_name(given) == said


def test_what_is_too_large_is_refused_and_not_kept(browser: Any, gallery: Path, ask: Any) -> None:
    refused = browser.drop(b"x" * 1001)
    assert refused.status_code == 413
    assert "larger than 0 MB" in refused.json()["said"]

    def endless() -> Any:  # without a length
        for _ in range(100):
            yield b"x" * 100

    assert browser.drop(endless()).status_code == 413
    assert _left(gallery) == []
    assert ask.seen == []
    assert browser.drop(b"x" * 1000).status_code == 201


def test_an_empty_file_is_refused_in_words(browser: Any, gallery: Path) -> None:
    refused = browser.drop(b"")
    assert refused.status_code == 400
    assert "0 bytes" in refused.json()["said"]
    assert _left(gallery) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoWalkerError("video: nobody is usable"), "video: nobody is usable"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "the disk is full"),
        (RuntimeError("boom <b>\nmore"), "internal error, please report it: RuntimeError: boom <b>"),
    ],
)
def test_no_answer_is_said_in_words(
    browser: Any, gallery: Path, ask: Any, error: Exception, words: str
) -> None:
    ask.error = error
    to = browser.answered()
    assert words in browser.get(f"{to}/progress").json()["said"]
    page = browser.get(to).text
    assert 'role="alert"' in page
    assert "boom <b>" not in page
    assert _left(gallery) == []
    ask.error = None
    assert browser.state(browser.answered()) == "done"  # the worker lives on


def test_a_message_does_not_tell_where_it_was_kept(browser: Any, ask: Any) -> None:
    for ask.says in ("{video} is bad", "{video.name} is bad", "{video.stem}: is bad"):
        to = browser.answered("monday.mp4")
        assert browser.get(f"{to}/progress").json()["said"].replace(":", "") == "monday.mp4 is bad"


def test_a_search_can_be_stopped(browser: Any, gallery: Path, ask: Any) -> None:
    ask.held.set()
    first, second = (browser.drop(name=name).json()["to"] for name in ("one", "two"))
    browser.wait(first, "running")
    assert browser.state(second) == "waiting"
    browser.post(f"{second}/cancel")
    assert browser.state(second) == "cancelled"
    assert "being stopped" in browser.said(browser.post(f"{first}/cancel"))
    browser.wait(first, "cancelled")
    assert _left(gallery) == []
    assert len(ask.seen) == 1
    assert "Stopped" in browser.get(first).text


def test_accepting_enrols_the_walk(browser: Any, gallery: Path, ask: Any) -> None:
    to = browser.answered("monday.mp4")
    answer = browser.post(f"{to}/accept", walker=1, rank=1)
    assert browser.said(answer) == "track 1 was enrolled: anna has one walk more."
    assert "Enrolled as" in answer.text
    row = Store(gallery).describe("anna")[-1]
    assert row["name"] == "monday.mp4 track 1"
    assert row["video"] == "monday.mp4"
    assert (row["start_s"], row["end_s"], row["frames"]) == (0.5, 3.0, 60)
    assert row["quality"] == pytest.approx(0.7)
    kept = Store(gallery).silhouettes(row["id"])
    assert np.array_equal(kept.silhouettes, ask.walk.silhouettes)
    again = browser.post(f"{to}/accept", walker=1, rank=1)
    assert "enrolled as anna already" in browser.said(again)
    assert "before" in browser.said(
        browser.post(f"{browser.answered('monday.mp4')}/accept", walker=1, rank=1)
    )
    assert Store(gallery).people()["anna"] == 2


@pytest.mark.parametrize("name", ["zoë", EVIL + "!", "../../z"])
def test_a_walker_can_be_somebody_new(browser: Any, gallery: Path, name: str) -> None:
    to = browser.answered()
    answer = browser.post(f"{to}/accept", walker=1, name=name)
    assert browser.said(answer) == f"track 1 was enrolled: {name} is new in the gallery, with this walk."
    assert Store(gallery).people()[name] == 1
    assert EVIL not in answer.text


def test_rejecting_enrols_nothing_and_is_noted(browser: Any, gallery: Path) -> None:
    to, before = browser.answered(), Store(gallery).people()
    answer = browser.post(f"{to}/reject", walker=1, rank=1)
    assert browser.said(answer) == "track 1 is not anna: noted, and nothing was enrolled."
    assert "you said no" in answer.text
    assert Store(gallery).people() == before
    assert "reject" in {entry["action"] for entry in Store(gallery).audit.entries("anna")}
    assert "anna has one walk more" not in answer.text


@pytest.mark.parametrize(
    "form",
    [{}, {"walker": 0, "rank": 1}, {"walker": 2, "rank": 1}, {"walker": 1, "rank": 0},
     {"walker": 1, "rank": 99}, {"walker": "x", "rank": 1}, {"walker": 1, "rank": "-1"},
     {"walker": "²", "rank": 1}],
)  # fmt: skip
def test_a_walker_or_candidate_that_is_none(browser: Any, gallery: Path, form: dict) -> None:
    to, before = browser.answered(), Store(gallery).people()
    for action in ("accept", "reject"):
        assert browser.post(f"{to}/{action}", **form).status_code == 400
    assert browser.post("/search/none/accept", walker=1, rank=1).status_code == 404
    assert "1 to 200" in browser.said(browser.post(f"{to}/accept", walker=1))
    assert Store(gallery).people() == before


def test_answers_show_new_names(browser: Any, gallery: Path) -> None:
    to = browser.answered()
    assert "accepted as anna" in browser.get(to).text
    browser.post("/person/rename", name="anna", new="eve <i>")
    page = browser.get(to).text
    assert "accepted as eve &lt;i&gt;" in page
    assert "anna" not in page.replace("anna.mp4", "")
    browser.post("/person/merge", name="ben", other="eve <i>")
    assert "accepted as ben" in browser.get(to).text
    walks = Store(gallery).people()["ben"]
    assert "ben has one walk more" in browser.said(browser.post(f"{to}/accept", walker=1, rank=1))
    assert Store(gallery).people()["ben"] == walks + 1


def test_who_is_erased_is_erased_from_answers_too(browser: Any, gallery: Path, ask: Any) -> None:
    to = browser.answered()
    ask.held.set()
    running = browser.drop().json()["to"]
    browser.wait(running, "running")
    browser.post("/person/remove", name="ben")
    assert browser.get(to).status_code == 404
    ask.held.clear()
    browser.wait(running, "done")
    assert ">ben<" not in browser.get(running).text


def test_who_was_enrolled_from_an_answer_is_renamed_and_erased_there_too(browser: Any) -> None:
    to, other = browser.answered("monday.mp4"), browser.answered("tuesday.mp4")
    browser.post(f"{to}/accept", walker=1, name="zoe")  # who is among no answer's candidates
    browser.post("/person/rename", name="zoe", new="yvonne")
    page = browser.get(to).text
    assert ("yvonne" in page, "zoe" in page) == (True, False)
    browser.post("/person/remove", name="yvonne")
    assert browser.get(to).status_code == 404
    assert browser.get(other).status_code == 200


def test_an_answer_can_be_put_away(browser: Any) -> None:
    to = browser.answered("monday.mp4")
    assert "monday.mp4 was put away" in browser.said(browser.post(f"{to}/put-away"))
    assert browser.get(to).status_code == 404


def test_only_the_newest_answers_are_kept(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgait_cli.browse.searches.MOST", 2)
    first, *others = [browser.answered(str(number)) for number in range(3)]
    assert browser.get(first).status_code == 404
    assert all(browser.get(to).status_code == 200 for to in others)


def test_the_end_of_it_deletes_what_was_sent(gallery: Path, ask: Any) -> None:
    pytest.importorskip("starlette")
    from meshgait_cli.browse.searches import Searches

    searches = Searches(gallery, ask)
    ask.held.set()
    for name in ("one", "two"):
        search = searches.new(name)
        search.video.write_bytes(b"x")
        searches.start(search)
    searches.close()
    assert _left(gallery) == []


def test_what_a_killed_one_left_is_deleted_by_the_next(gallery: Path, ask: Any) -> None:
    pytest.importorskip("starlette")
    import socket
    import subprocess
    import sys

    from meshgait_cli.browse.searches import Searches

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = Store(gallery).work / f"{socket.gethostname()}-{gone.pid}-12345678"
    left.mkdir(parents=True)
    (left / "video").write_bytes(b"somebody")
    Searches(gallery, ask)
    assert not left.exists()
