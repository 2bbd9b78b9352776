"""The page: what is on it, that it is safe to open, and how large it may become."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from meshgait_cli import write_report
from meshgait_cli.errors import RenderError, UsageError
from meshgait_cli.report.session import MOST_PEOPLE, page_for
from meshgait_cli.report.timeline import ticks

EVIL = "<script>alert(1)</script>"
QUOTED = "\"'><img src=x onerror=alert(2)>"
CLIMBER = "../../x"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.text, self.ids, self.links = [], [], [], []
        self.scripts, self._in = [], ""

    def handle_starttag(self, tag, attributes):
        self._in = tag
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)


def _read(path):
    html = path.read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(html)
    return html, reader


def _policy(reader):
    (content,) = (
        a["content"] for tag, a in reader.tags if tag == "meta" and "Policy" in a.get("http-equiv", "")
    )
    return dict(part.strip().split(" ", 1) for part in content.split(";"))


def test_names_are_text_whatever_they_say(tmp_path, make_result, make_answer, walks):
    result = make_result(walks[:3], name=EVIL, refused=(2,))
    names = [EVIL, CLIMBER, QUOTED, "</script><script>alert(3)</script>", "{{ 7 * 7 }}", "a\u202eb\x00"]
    found = make_answer(names, result, accepted=False)
    html, reader = _read(write_report(found, tmp_path / "page.html"))
    assert len(reader.scripts) == 2
    assert "alert" not in "".join(reader.scripts)
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert {tag for tag, _ in reader.tags}.isdisjoint({"iframe", "object", "embed", "form", "base", "link"})
    text = "".join(reader.text)
    for name in [*names[:5], f"stands, says {EVIL}", f"about {EVIL}", f"most like {EVIL}"]:
        assert name in text
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in reader.links)
    assert "\u202e" not in html
    assert "\x00" not in html


def test_a_query_of_silhouettes_alone_escapes_too(tmp_path, make_answer):
    found = make_answer([EVIL, CLIMBER, "c", "d"])
    html, reader = _read(write_report(found, tmp_path / "page.html"))
    assert len(reader.scripts) == 2
    assert EVIL not in html
    assert f"accepted as {EVIL}" in "".join(reader.text)


def test_the_policy_lets_nothing_in_and_runs_only_what_is_here(tmp_path, make_result, walks):
    html, reader = _read(write_report(make_result(walks[:1]), tmp_path / "page.html"))
    policy = _policy(reader)
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert "unsafe" not in str(policy)
    assert "http" not in str(policy)
    style = re.search(r"<style>(.*?)</style>", html, re.S).group(1)
    for name, content in (("script-src", reader.scripts[1]), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[name] == f"'sha256-{digest}'"
    assert not any("style" in attributes for _, attributes in reader.tags)  # the policy forbids it
    bare = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:", html)
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import", bare)


def test_the_page_is_well_labelled(tmp_path, make_result, make_answer, walks):
    found = make_answer(["anna", "ben", "cleo", "dan"], make_result(walks[:3], refused=(1,)))
    _, reader = _read(write_report(found, tmp_path / "page.html"))
    assert ("html", {"lang": "en"}) in reader.tags
    assert len(reader.ids) == len(set(reader.ids))
    for link in reader.links:
        assert not link.startswith("#") or link[1:] in reader.ids
    for tag, attributes in reader.tags:
        if tag == "img":
            assert attributes["alt"]
        if tag in ("canvas", "input", "nav") or (tag == "svg" and "aria-hidden" not in attributes):
            assert attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        for name in ("aria-labelledby", "aria-controls"):
            assert attributes.get(name, reader.ids[0]) in reader.ids


def test_the_answer_stands_there_with_its_parts(tmp_path, make_answer):
    found = make_answer(["anna", "ben", "cleo", "dan", "eve"])
    _, reader = _read(write_report(found, tmp_path / "page.html"))
    text = " ".join(" ".join(reader.text).split())
    assert "accepted as anna" in text
    assert "90%" in text
    assert "5 known people" in text
    assert "stands beside anna" in text
    walking = [a["data-walk"] for tag, a in reader.tags if tag == "canvas" and "data-walk" in a]
    assert len(walking) == 5  # the walker and three candidates, and the walker once more below
    assert len(set(walking)) == 4
    strips = [a for tag, a in reader.tags if tag == "rect" and a.get("width") == "44" and "fill" in a]
    assert len(strips) == 3 * 16
    assert all(a["fill"].startswith("#2") for a in strips[:16])  # blue: all of anna agrees
    assert not all(a["fill"].startswith("#2") for a in strips[16:])


def test_the_data_is_json_and_walks_are_drawn_once(tmp_path, make_result, walks):
    _, reader = _read(write_report(make_result(walks[:3], refused=(0,)), tmp_path / "page.html"))
    data = json.loads(reader.scripts[0])
    assert set(data) == {"walks", "bodies"}
    assert len(data["walks"]) == 2
    for walk in data["walks"].values():
        assert len(walk["seconds"]) == len(walk["phase"]) <= 96
        assert walk["phase"][-1] - walk["phase"][0] < walk["steps"]


def test_the_time_line_tells_when_frames_count(tmp_path, make_result, walks):
    html, _ = _read(write_report(make_result(walks[:2], refused=(1,)), tmp_path / "page.html"))
    assert "track 1: 0.0 to 2.4 s, usable" in html
    assert "track 2: 0.5 to 2.9 s, not usable" in html


def test_a_crowd_stays_small(tmp_path, make_result, walks):
    """The most people that are pictured; bodies take under three megabytes more (test_motion)."""
    crowd = [np.concatenate([walk, walk]) for walk in walks] * 3 + walks[:3]
    path = write_report(make_result(crowd), tmp_path / "page.html")
    assert path.stat().st_size < 4_000_000
    _, reader = _read(path)
    assert sum(tag == "article" for tag, _ in reader.tags) == MOST_PEOPLE
    assert f"{len(crowd) - MOST_PEOPLE} more were followed" in "".join(reader.text)


def test_a_crowd_of_answers_is_cut_too_and_said(tmp_path, make_answer, monkeypatch):
    found = make_answer(["anna", "ben", "cleo", "dan"])
    many = replace(found, answers=found.answers * 5, walkers=found.walkers * 5)
    monkeypatch.setattr("meshgait_cli.report.session.MOST_PEOPLE", 2)
    html, reader = _read(write_report(many, tmp_path / "page.html"))
    assert html.count('<article class="answer') == html.count('<article class="person') == 2
    assert "3 more walkers were answered for" in "".join(reader.text)
    assert "5 walkers" in "".join(reader.text)


def test_a_result_without_anybody_is_a_page_too(tmp_path, make_result):
    _, reader = _read(write_report(make_result([]), tmp_path / "page.html"))
    assert "Nobody was found." in "".join(reader.text)


def test_a_network_without_a_body_leaves_the_rest(tmp_path, make_result, walks):
    def points(_):
        raise RenderError("net@1 has no 3-D branch")

    extractor = SimpleNamespace(embedder=SimpleNamespace(points=points, model_id="net@1"))
    _, reader = _read(write_report(make_result(walks[:1]), tmp_path / "page.html", extractor=extractor))
    assert "net@1 has no 3-D branch" in "".join(reader.text)
    assert json.loads(reader.scripts[0])["bodies"] is None


def test_it_is_written_whole_for_its_owner_alone(tmp_path, make_result, walks, monkeypatch):
    result, path = make_result(walks[:1]), tmp_path / "page.html"
    path.write_text("old")
    monkeypatch.setattr("meshgait_cli.report.session.render", lambda page: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        write_report(result, path)
    assert path.read_text() == "old"
    monkeypatch.undo()
    write_report(result, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("*page*")] == ["page.html"]


def test_where_pages_go(tmp_path):
    assert page_for(tmp_path / "a.html") == tmp_path / "a.html"
    assert page_for(tmp_path, "walk", several=True) == tmp_path / "walk.html"
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "new"
    for report, several in (
        (tmp_path, False), (tmp_path / "a.html", True), (tmp_path / "a.pdf", False),
        (below / "a.html", False), (below, True), (tmp_path / "file", True),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="--report"):
            page_for(report, "walk", several)


@pytest.mark.parametrize("last", [0.01, 0.7, 7.6, 59.0, 300.0, 7200.0, 1e6])
def test_moments_on_the_time_line_are_few_and_inside(last):
    found = ticks(last)
    assert found[0] == 0
    assert found[-1] <= last + 1e-6
    assert len(found) <= 12
