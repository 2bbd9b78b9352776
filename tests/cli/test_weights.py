from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., object]


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHGAIT_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("MESHGAIT_OFFLINE", "1")


def test_list_names_every_file_with_its_licence(meshgait: Run) -> None:
    ran = meshgait("weights", "list", "--json")
    entries = {entry["name"]: entry for entry in json.loads(ran.out)}
    assert entries["mobile_sam.pt"]["licence"] == "Apache-2.0"
    assert not entries["mobile_sam.pt"]["here"]
    assert "AGPL-3.0" in meshgait("weights", "list").out


def test_path_says_where(meshgait: Run, tmp_path: Path) -> None:
    assert meshgait("weights", "path").out.strip() == str(tmp_path / "cache")
    assert meshgait("weights", "path", "mobile_sam.pt").out.strip() == str(
        tmp_path / "cache" / "mobile_sam.pt"
    )


def test_unknown_names(meshgait: Run) -> None:
    for command in ("pull", "verify", "path"):
        assert meshgait("weights", command, "nope.pt").code == 2


def test_offline_and_missing(meshgait: Run) -> None:
    ran = meshgait("weights", "pull", "mobile_sam.pt")
    assert ran.code == 1
    assert "put it at" in ran.error
    assert meshgait("weights", "verify", "mobile_sam.pt").code == 1


@pytest.mark.parametrize("command", ["pull", "verify"])
@pytest.mark.parametrize("name", [(), ("mobile_sam.pt",)])
def test_what_stands_where_files_are_kept_is_said(
    meshgait: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MESHGAIT_WEIGHTS", "/dev/null")
    ran = meshgait("weights", command, *name)
    assert (ran.code, "/dev/null is no folder: set MESHGAIT_WEIGHTS" in ran.error) == (2, True)
    monkeypatch.setenv("MESHGAIT_WEIGHTS", str(tmp_path / ("x" * 300)))
    ran = meshgait("weights", command, *name)
    assert (ran.code, "choose a shorter one" in ran.error) == (2, True)


def test_a_folder_in_a_files_place_is_said(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "cache" / "mobile_sam.pt").mkdir(parents=True)
    for command in ("pull", "verify"):
        ran = meshgait("weights", command, "mobile_sam.pt")
        assert (ran.code, "move the folder away" in ran.error) == (2, True)


def test_verify_finds_what_was_changed(meshgait: Run, tmp_path: Path) -> None:
    assert meshgait("weights", "verify").code == 0
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mobile_sam.pt").write_bytes(b"tampered")
    ran = meshgait("weights", "verify")
    assert ran.code == 1
    assert "mobile_sam.pt" in ran.error
