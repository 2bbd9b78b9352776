"""One gallery, two processes in different folders, each by a path of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WALKERS = Path(__file__).parents[2] / "examples" / "walkers"

pytestmark = pytest.mark.slow


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "meshgait_cli", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def test_two_processes_see_one_gallery(tmp_path: Path) -> None:
    one, two, shared = tmp_path / "one", tmp_path / "two", tmp_path / "shared"
    for folder in (one, two, shared):
        folder.mkdir()
    (two / "link").symlink_to(shared)
    ended(start(one, "gallery", "create", "../shared/known"))
    both = [
        start(one, "gallery", "enroll", "../shared/known", str(WALKERS / "synthetic-01.npz"), "-i", "ada"),
        start(two, "gallery", "enroll", "link/known", str(WALKERS / "synthetic-02.npz"), "-i", "ben"),
    ]
    for process in both:
        ended(process)
    for folder, path in ((one, str(shared / "known")), (two, "link/known")):
        listed = json.loads(ended(start(folder, "gallery", "list", path, "--json")))
        assert {"ada", "ben"} <= set(json.dumps(listed).replace('"', " ").split())
    found = ended(start(two, "match", str(WALKERS / "synthetic-01.npz"), "-g", "link/known", "--json"))
    assert json.loads(found)["walkers"][0]["identity"] == "ada"
