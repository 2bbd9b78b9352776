"""`meshgait watch` asked for what cannot be: one line, at once."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., object]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clip(make_video: Callable) -> Path:
    return make_video([np.full((48, 64, 3), i, np.uint8) for i in range(30)])


def test_no_such_camera(meshgait: Run) -> None:
    ran = meshgait("watch", "97", "--gallery", "people")
    assert ran.code == 2
    assert "no camera 97" in ran.error


def test_no_such_file(meshgait: Run) -> None:
    assert meshgait("watch", "nowhere.mp4", "--gallery", "people").code == 2


@pytest.mark.parametrize("asked", ["http://anna:secret@{}/x", "rtsp://{}/x?user=anna&password=secret"])
def test_a_stream_that_refuses(meshgait: Run, tmp_path: Path, asked: str) -> None:
    (tmp_path / "people").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = f"127.0.0.1:{port}"
    ran = meshgait("watch", asked.format(place), "-g", "people", "--log", "log.jsonl")
    assert ran.code == 1
    assert f"{place}/x cannot be reached" in ran.error
    assert "secret" not in ran.err + ran.out + (tmp_path / "log.jsonl").read_text()


def test_no_gallery(meshgait: Run, clip: Path) -> None:
    ran = meshgait("watch", clip, "--gallery", "people")
    assert ran.code == 2
    assert "people" in ran.error


def test_a_file_is_no_gallery(meshgait: Run, clip: Path) -> None:
    ran = meshgait("watch", clip, "--gallery", clip)
    assert ran.code == 2
    assert "no gallery" in ran.error


@pytest.mark.parametrize("log", ["clip", "people/gallery.json", "people/new.jsonl", "notes.txt", "text.json"])
def test_a_log_is_written_over_nothing_else(meshgait: Run, clip: Path, tmp_path: Path, log: str) -> None:
    assert meshgait("gallery", "create", "people").code == 0
    (tmp_path / "notes.txt").write_text("mine\n")
    (tmp_path / "text.json").write_text('["mine"]')
    path = clip if log == "clip" else tmp_path / log
    before = path.exists() and (path.read_bytes(), path.stat().st_mode)
    ran = meshgait("watch", clip, "--gallery", "people", "--log", path)
    assert ran.code == 2
    assert path.name in ran.error
    assert (path.exists() and (path.read_bytes(), path.stat().st_mode)) == before


def test_without_a_gallery_a_log_stays_as_it_is(meshgait: Run, clip: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.touch(mode=0o644)
    assert meshgait("watch", clip, "--gallery", "people", "--log", log).code == 2
    assert log.stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "meshgait-watch").exists()


def test_an_empty_gallery(meshgait: Run, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    ran = meshgait("watch", clip, "--gallery", "people")
    assert ran.code == 1
    assert "empty" in ran.error


def test_an_empty_gallery_of_our_own_kind(meshgait: Run, clip: Path) -> None:
    assert meshgait("gallery", "create", "people").code == 0
    ran = meshgait("watch", clip, "--gallery", "people")
    assert ran.code == 1
    assert "enroll" in ran.error


def test_one_source_at_a_time(meshgait: Run, tmp_path: Path, clip: Path) -> None:
    (tmp_path / "two").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "two" / name).write_bytes(clip.read_bytes())
    ran = meshgait("watch", tmp_path / "two", "--gallery", "people")
    assert ran.code == 2
    assert "one source" in ran.error


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seconds", "-1"],
        ["--seconds", "nan"],
        ["--far", "2"],
        ["--patience", "0"],
        ["--patience", "nan"],
        ["--sets", "odd"],
        ["--effort", "heroic"],
    ],
)
def test_impossible_wishes(meshgait: Run, clip: Path, arguments: list[str]) -> None:
    assert meshgait("watch", clip, "--gallery", "people", *arguments).code == 2
