"""What a terminal shows while work goes on."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest
from rich.console import Console

from meshgait_cli.__main__ import _open_streams
from meshgait_cli.cli import console
from meshgait_cli.pipeline import Step


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_title_stage_count_and_people(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(console, "err", lambda: Console(file=screen, force_terminal=True, width=120))
    with console.showing("walk[1].mp4", quiet=False) as progress:
        progress(Step("frames", 3, 10, people=2))
        progress(Step("link", 0, None))
        progress(Step("people", 1, 2))
    shown = screen.getvalue()
    for text in ("walk[1].mp4", "looking", "3/10", "2 in view", "following people through gaps", "1/2"):
        assert text in shown


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with console.showing("walk.mp4", quiet=False) as progress:
        progress(Step("frames", 3, 10))
    assert capsys.readouterr().err == ""


def test_a_path_stays_as_it_is_and_what_steers_a_terminal_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.out().print("山田\u3000太郎/at 10\u202fAM [x].mp4\x1b\n", markup=False)
    assert capsys.readouterr().out == "山田\u3000太郎/at 10\u202fAM [x].mp4\ufffd\ufffd\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_stays_json_whatever_the_output_can_hold(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    told = {"name": "gä 山 😀 \ud800", "value": float("nan")}
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    _open_streams()
    console.print_json(told)
    sys.stdout.flush()
    assert json.loads(sys.stdout.buffer.getvalue().decode(encoding)) == {**told, "value": None}


def test_what_the_output_cannot_hold_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    _open_streams()
    print("gä")
    sys.stdout.flush()
    assert sys.stdout.buffer.getvalue() == b"g\\xe4\n"


def test_closed_streams_are_stood_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    _open_streams()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        assert os.fstat(stream.fileno()).st_rdev == os.stat(os.devnull).st_rdev
        stream.close()
