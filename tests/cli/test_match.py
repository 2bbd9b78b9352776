"""What `meshgait match` prints of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

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
