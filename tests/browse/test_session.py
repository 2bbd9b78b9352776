"""The command: what it refuses, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshgait_cli.gallery.store import Store

Run = Callable[..., Any]


def test_without_the_extra_it_says_how_to_get_it(
    gallery: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("uvicorn", "starlette"):
        monkeypatch.setitem(sys.modules, name, None)
    refused = meshgait("gallery", "browse", gallery, "--no-open")
    assert refused.code == 2
    assert "pip install 'meshgait[browse]'" in refused.error
    assert meshgait("gallery", "browse", "--help").code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--far", "0"),
        ("--far", "1"),
        ("--max-mb", "0"),
        ("--max-mb", "nan"),
    ],
)
def test_what_cannot_be_is_refused(gallery: Path, meshgait: Run, options: tuple[str, str]) -> None:
    refused = meshgait("gallery", "browse", gallery, "--no-open", *options)
    assert refused.code == 2
    assert options[1] in refused.error


def test_there_has_to_be_a_gallery(tmp_path: Path, meshgait: Run) -> None:
    refused = meshgait("gallery", "browse", tmp_path, "--no-open")
    assert refused.code == 2
    assert "gallery create" in refused.error


def test_a_port_that_is_taken(gallery: Path, meshgait: Run) -> None:
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        refused = meshgait("gallery", "browse", gallery, "--no-open", "--port", number)
    assert refused.code == 2
    assert f"port {number} cannot be used" in refused.error


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send there")
def test_it_answers_on_this_machine_until_it_is_interrupted(gallery: Path) -> None:
    pytest.importorskip("uvicorn")
    command = [sys.executable, "-m", "meshgait_cli", "gallery", "browse", str(gallery), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            address = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=\S{43}$", running.stdout.readline())
            assert address is not None
            with urllib.request.urlopen(address[0]) as entered:
                assert "HttpOnly" in entered.headers["set-cookie"]
                assert "server" not in entered.headers
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/")
            assert refused.value.code == 403
            refused.value.close()
            running.send_signal(signal.SIGINT)
            out, errors = running.communicate(timeout=20)
        finally:
            running.kill()
    assert running.returncode == 0
    assert "closed" in out
    assert errors == ""
    assert not Store(gallery).work.exists()
