"""`meshgait synth`: what it prints, refuses, and survives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SMALL = ("--frames", 4, "--sequences", 1, "--workers", 1)


def test_it_makes_a_dataset_a_sheet_and_a_record(meshgait, tmp_path):
    ran = meshgait(
        "synth", "--out", tmp_path / "set", "--identities", 2, "--seed", 5, *SMALL,
        "--contact", tmp_path / "contact.png", "--json",
    )  # fmt: skip
    assert ran.code == 0
    record = json.loads(ran.out)
    assert (record["identities"], record["made"], record["sequences"], record["silhouettes"]) == (2, 2, 6, 24)
    assert (tmp_path / "contact.png").read_bytes().startswith(b"\x89PNG")
    assert "on disk" in ran.err
    again = json.loads(
        meshgait("synth", "--out", tmp_path / "set", "-n", 2, "--seed", 5, *SMALL, "--json").out
    )
    assert (again["made"], again["kept"]) == (0, 2)


def test_it_says_where_in_one_line(meshgait, tmp_path):
    ran = meshgait("synth", "--out", tmp_path / "set", "-n", 1, *SMALL, "--conditions", "nm", "--quiet")
    assert ran.err == ""
    assert ran.out.startswith("1 identities (1 drawn), 1 sequences, 4 silhouettes")
    assert ran.out.rstrip().endswith((tmp_path / "set").as_posix())


def test_arrays_are_a_corpus(meshgait, tmp_path):
    from meshgait_cli.synth.corpus import Corpus

    assert meshgait("synth", "--out", tmp_path / "c", "-n", 2, *SMALL, "--format", "arrays").code == 0
    assert Corpus.open(tmp_path / "c").silhouettes.shape == (2, 4, 64, 44)


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--out", "x", "--format", "zip"),
        ("--out", "x", "--conditions", "nm,zz"),
        ("--out", "x", "--views", "many"),
        ("--out", "x", "--severity", "awful"),
        ("--out", "x", "--seed", "-1"),
        ("--out", "x", "--identities", "0"),
        ("--out", "x", "--identities", "99999999999999999999"),
        ("--out", "x", "--identities", "99999999999999999999", "--format", "arrays"),
        ("--out", "x", "--sequences", "99999999999999999999"),
        ("--out", "x", "--frames", "99999999999999999999"),
        ("--out", "x", "--contact", "folder.png"),
        ("--out", "x", "--frames", "0"),
        ("--out", "x", "--contact", "sheet.jpg"),
        ("--out", "x", "--motions", "nowhere"),
        ("--out", "x", "--format", "arrays", "--contact", "sheet.png"),
        ("--out", "x", "--beside", "y"),
    ],
)
def test_impossible_wishes_end_with_2_and_one_line(meshgait, tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    ran = meshgait("synth", "--workers", 1, *wrong)
    assert ran.code == 2
    assert ran.error
    assert not (tmp_path / "x").exists()


def test_damaged_takes_end_with_1_and_name_the_file(meshgait, tmp_path):
    (tmp_path / "takes").mkdir()
    (tmp_path / "takes" / "a.bvh").write_text("HIERARCHY\nMOTION\n")
    ran = meshgait("synth", "--out", tmp_path / "x", "--motions", tmp_path / "takes")
    assert ran.code == 1
    assert "a.bvh" in ran.error
    assert not (tmp_path / "x").exists()


def test_somebody_elses_folder_ends_with_2(meshgait, tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    ran = meshgait("synth", "--out", tmp_path, *SMALL)
    assert ran.code == 2
    assert "another --out" in ran.error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_help_imports_no_torch():
    code = "import sys; from meshgait_cli.cli.app import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_killed_in_the_middle_it_goes_on_and_no_worker_lives_on(meshgait, tmp_path):
    folder = tmp_path / "set"
    wish = ["synth", "--out", str(folder), "-n", "40", "--frames", "30", "--sequences", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "meshgait_cli", *wish, "--workers", "2", "--quiet"], start_new_session=True
    )
    parts = folder / ".parts"
    until = time.monotonic() + 120
    while len(list(parts.glob("[0-9]*.json"))) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(list(parts.glob("[0-9]*.json")))
    assert 3 <= kept < 40
    assert not (folder / "manifest.json").exists()
    until = time.monotonic() + 60
    while _lives(process.pid) and time.monotonic() < until:
        time.sleep(0.2)
    assert not _lives(process.pid)
    done = json.loads(meshgait(*wish, "--workers", 1, "--json").out)
    assert done["kept"] >= kept
    assert done["made"] + done["kept"] == 40
    whole = meshgait(*[str(tmp_path / "b") if word == str(folder) else word for word in wish], "--workers", 1)
    assert whole.code == 0
    assert _files(folder) == _files(tmp_path / "b")


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_it_films_scenes_draws_them_and_keeps_them(meshgait, tmp_path):
    wish = (
        "synth", "--out", tmp_path / "film", "--scenes", 1, "--each", 1, "--frames", 3, "--fps", 10,
        "--size", "160x96", "--workers", 1,
    )  # fmt: skip
    ran = meshgait(*wish, "--contact", tmp_path / "film.png")
    assert ran.code == 0
    assert ran.out.startswith("1 scenes (1 filmed) of 1 people, 3 frames")
    assert "1 scenes to draw" in ran.err
    assert (tmp_path / "film.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "film" / "scene-00000.mp4").is_file()
    again = json.loads(meshgait(*wish, "--json").out)
    assert (again["made"], again["kept"], again["people"], again["frames"]) == (0, 1, 1, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--scenes", "0"),
        ("--scenes", "1", "--walkers", "2"),
        ("--scenes", "1", "--identities", "4"),
        ("--scenes", "1", "--size", "large"),
        ("--scenes", "1", "--size", "97x64"),
        ("--scenes", "1", "--clothes", "none"),
        ("--scenes", "1", "--background", "nowhere.png"),
        ("--scenes", "1", "--motions", "takes"),
        ("--scenes", "99999999999999999999"),
        ("--scenes", "9", "--walkers", "99999999999999999999"),
        ("--scenes", "1", "--background", "b.png", "--contact", "b.png"),
        ("--background", "here.png"),
    ],
)
def test_impossible_scenes_end_with_2_and_one_line(meshgait, tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.png").write_bytes(b"mine")
    ran = meshgait("synth", "--out", "x", *wrong, "--workers", 1)
    assert ran.code == 2
    assert ran.error
    assert not (tmp_path / "x").exists()
    assert (tmp_path / "b.png").read_bytes() == b"mine"
