"""One gallery, two processes in different folders: each by a path of its own, or both by its address."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_two_processes_see_one_gallery_in_a_bucket(s3: Any, tmp_path: Path) -> None:
    address = f"s3://{s3.bucket}/known"
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    ended(start(one, "gallery", "create", address))
    both = [
        start(folder, "gallery", "enroll", address, str(WALKERS / f"synthetic-{number:02d}.npz"), "-i", name)
        for folder, number, name in ((one, 1, "ada"), (two, 2, "ben"), (one, 3, "eve"))
    ]
    for process in both:
        ended(process)
    for folder in (one, two):
        listed = json.loads(ended(start(folder, "gallery", "list", address, "--json")))
        assert [each["identity"] for each in listed] == ["ada", "ben", "eve"]
    found = ended(start(two, "match", str(WALKERS / "synthetic-01.npz"), "-g", address, "--json"))
    assert json.loads(found)["walkers"][0]["identity"] == "ada"
    assert json.loads(ended(start(one, "gallery", "stats", address, "--json")))["log_entries"] == 5
    assert list(one.iterdir()) == []


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
