"""What `meshgait match` prints of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshgait_cli.records import Match

Run = Callable[..., Any]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What is found, whatever is asked."""
    answer = SimpleNamespace(
        answers=[], walkers=[], refused=[], notes=[], people=1, gallery=SimpleNamespace(model_id="net@1"),
        to_dict=dict,
    )  # fmt: skip
    monkeypatch.setattr("meshgait_cli.gallery.identify.identify", lambda *_, **__: answer)
    return answer


def test_the_query_is_told_without_a_cameras_password(meshgait: Run, found: object, tmp_path: Path) -> None:
    ran = meshgait("match", "rtsp://anna:secret@camera.local/door", "-g", tmp_path, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["query"] == "rtsp://camera.local/door"


def test_nothing_in_names_steers_the_terminal(meshgait: Run, found: SimpleNamespace, tmp_path: Path) -> None:
    evil = "a\x1b[2J\x1b]0;title\x07\x9b31m\u202e\nb"
    match = Match(evil, 1.0, 0.1, evil, 0.5)
    found.answers = [SimpleNamespace(label=evil, sentence="unknown", matches=[match])]
    found.refused, found.notes = [SimpleNamespace(label=evil, reasons=[evil])], [evil]
    ran = meshgait("match", "q.npz", "-g", tmp_path)
    assert ran.code == 0, ran.err
    for text in (ran.out, ran.err, meshgait("extract", f"{evil}.mp4").err):
        assert "a\ufffd[2J" in text
        assert all(line.isprintable() for line in text.split("\n"))
