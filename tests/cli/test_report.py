"""`--report` on the command line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from meshgait_cli.shipped import folder


@pytest.fixture
def people(tmp_path):
    """A gallery folder of four shipped walkers, and the second half of one of them."""
    gallery = tmp_path / "people"
    gallery.mkdir()
    for path in sorted((folder("examples") / "walkers").glob("*.npz"))[:4]:
        shutil.copy(path, gallery)
    first = gallery / "synthetic-01.npz"
    with np.load(first) as arrays:
        silhouettes = arrays["silhouettes"]
    np.savez(first, silhouettes=silhouettes[:30])
    np.savez(tmp_path / "query.npz", silhouettes=silhouettes[30:])
    return tmp_path


@pytest.mark.parametrize("report", ["page.pdf", "page", "people"])
def test_a_report_is_an_html_file(meshgait, people, report):
    ran = meshgait("match", people / "query.npz", "-g", people / "people", "--report", people / report)
    assert ran.code == 2
    assert ".html" in ran.error
    assert not (people / "people" / ".meshgait").exists()  # said before any work is done


def test_several_videos_want_a_folder(meshgait, people):
    for name in ("a.mp4", "b.mp4"):
        (people / name).write_bytes(b"x")
    ran = meshgait("extract", people / "a.mp4", people / "b.mp4", "--report", people / "page.html")
    assert ran.code == 2
    assert "folder" in ran.error


@pytest.mark.slow
def test_match_writes_a_page(meshgait, people):
    page = people / "pages" / "who.html"
    ran = meshgait(
        "match", people / "query.npz", "-g", people / "people", "--report", page, "--json", "--quiet"
    )
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["report"] == page.as_posix()
    html = page.read_text(encoding="utf-8")
    assert html.count("<figure class=") >= 4
    assert "synthetic-01" in html
    assert '"mixture"' in html  # her body
