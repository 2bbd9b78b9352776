"""A passphrase at the command line: never in its arguments."""

from __future__ import annotations

import getpass
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshgait_cli.gallery import seal as seal_module
from meshgait_cli.gallery.seal import PASSPHRASE
from meshgait_cli.shipped import folder as shipped

EXAMPLES = sorted((shipped("examples") / "walkers").glob("*.npz"))
WORDS = "correct horse battery"
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_module, "_SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})
    monkeypatch.delenv(PASSPHRASE, raising=False)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(f"{WORDS}\n# what else stands there does not count\n")
    return path


@pytest.fixture
def gallery(tmp_path: Path, words: Path, meshgait: Run) -> Path:
    place = tmp_path / "gallery"
    done = meshgait("gallery", "create", place, "--encrypt", "--passphrase-file", words)
    assert (done.code, "encrypted" in done.out) == (0, True)
    shutil.copy(EXAMPLES[0], tmp_path / "Zebediah.npz")
    enrolled = meshgait(
        "gallery", "enroll", place, tmp_path / "Zebediah.npz", "-i", "Zebediah", "--passphrase-file", words,
        "-q", "--device", "cpu",
    )  # fmt: skip
    assert enrolled.code == 0
    return place


def typed(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Somebody sits at a terminal and types these; returns what they are asked."""
    asked: list[str] = []
    left: Iterator[str] = iter(answers)

    def ask(question: str) -> str:
        asked.append(question)
        return next(left)

    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(getpass, "getpass", ask)
    return asked


def test_a_video_is_matched_against_it(gallery: Path, words: Path, tmp_path: Path, meshgait: Run) -> None:
    """And there is nothing of it to be read in the folder."""
    found = meshgait(
        "match", EXAMPLES[0], "-g", gallery, "--passphrase-file", words, "-q", "--json", "--device", "cpu",
        "-o", tmp_path / "out",
    )  # fmt: skip
    (walker,) = json.loads(found.out)["walkers"]
    assert walker["matches"][0]["identity"] == "Zebediah"
    everything = b"".join(path.read_bytes() for path in gallery.rglob("*") if path.is_file())
    assert b"Zebediah" not in everything
    assert WORDS.encode() not in everything
    assert json.loads(meshgait("gallery", "stats", gallery, "--passphrase-file", words, "--json").out)[
        "encrypted"
    ]


def test_the_passphrase_comes_from_file_environment_or_terminal(
    gallery: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = meshgait("gallery", "list", gallery)
    assert (refused.code, "--passphrase-file" in refused.error) == (2, True)
    asked = typed(monkeypatch, WORDS)
    assert "Zebediah" in meshgait("gallery", "list", gallery).out
    assert len(asked) == 1
    monkeypatch.setenv(PASSPHRASE, WORDS)
    assert "Zebediah" in meshgait("gallery", "list", gallery).out
    assert len(asked) == 1


def test_a_wrong_one_is_one_clear_line(
    gallery: Path, tmp_path: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").write_text("another passphrase")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, code, text in (
        ("other", 1, "wrong passphrase"),
        ("empty", 2, "no passphrase"),
        ("binary", 2, "no passphrase"),
        ("nowhere", 2, "cannot be read"),
    ):
        refused = meshgait("gallery", "list", gallery, "--passphrase-file", tmp_path / name)
        assert (refused.code, text in refused.error) == (code, True), refused.error
    typed(monkeypatch, "another passphrase")
    assert "wrong passphrase" in meshgait("match", EXAMPLES[0], "-g", gallery, "-q", "--device", "cpu").error


def test_a_new_one_is_asked_for_twice(tmp_path: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "new"
    assert meshgait("gallery", "create", place, "--encrypt").code == 2
    asked = typed(monkeypatch, WORDS, WORDS + " ")
    assert "two different" in meshgait("gallery", "create", place, "--encrypt").error
    assert len(asked) == 2
    typed(monkeypatch, "short", "short")
    assert "8 characters" in meshgait("gallery", "create", place, "--encrypt").error
    assert not place.exists()
    typed(monkeypatch, WORDS, WORDS)
    assert meshgait("gallery", "create", place, "--encrypt").code == 0


def test_a_gallery_in_the_open_is_taken_into_an_encrypted_one(
    gallery: Path, words: Path, tmp_path: Path, meshgait: Run
) -> None:
    plain = tmp_path / "plain"
    meshgait("gallery", "create", plain)
    meshgait("gallery", "enroll", plain, EXAMPLES[1], "-i", "ben", "-q", "--device", "cpu")
    for expected in (1, 0):
        done = meshgait("gallery", "import", gallery, plain, "--passphrase-file", words, "--json")
        assert json.loads(done.out)["imported"] == expected
    (row,) = json.loads(meshgait("gallery", "show", gallery, "ben", "--passphrase-file", words, "--json").out)
    assert row["silhouettes"]


def test_it_can_be_changed(
    gallery: Path, words: Path, tmp_path: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("tidy stapler weather\n")
    change = ("gallery", "passphrase", gallery, "--passphrase-file", words)
    done = meshgait(*change, "--new-passphrase-file", tmp_path / "new", "--json")
    assert json.loads(done.out)["changed"]
    assert "wrong passphrase" in meshgait("gallery", "list", gallery, "--passphrase-file", words).error
    assert "Zebediah" in meshgait("gallery", "list", gallery, "--passphrase-file", tmp_path / "new").out
    asked = typed(monkeypatch, "tidy stapler weather", WORDS, WORDS)
    said = meshgait("gallery", "passphrase", gallery).out
    assert "by the new passphrase only" in " ".join(said.split())
    assert [question.split(" ")[0] for question in asked] == ["passphrase", "new", "the"]
    monkeypatch.setenv(PASSPHRASE, WORDS)  # which is never taken for the new one
    typed(monkeypatch, "another of them", "another of them")
    assert meshgait("gallery", "passphrase", gallery).code == 0


def test_a_change_that_cannot_be_is_one_clear_line(
    gallery: Path, words: Path, tmp_path: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("new", "tidy stapler weather"), ("short", "seven77"), ("empty", "\n")):
        (tmp_path / name).write_text(text)
    plain = tmp_path / "plain"
    meshgait("gallery", "create", plain)
    before = (gallery / "gallery.json").read_bytes()
    for place, old, new, code, text in (
        (gallery, "new", "new", 1, "wrong passphrase"),
        (gallery, words, "short", 2, "8 characters"),
        (gallery, words, "empty", 2, "no passphrase"),
        (gallery, words, "nowhere", 2, "cannot be read"),
        (gallery, words, words, 2, "the old one"),
        (plain, words, "new", 2, "not encrypted"),
        (tmp_path / "none", words, "new", 2, "no gallery"),
    ):
        refused = meshgait(
            "gallery", "passphrase", place, "--passphrase-file", tmp_path / old,
            "--new-passphrase-file", tmp_path / new,
        )  # fmt: skip
        assert (refused.code, text in refused.error) == (code, True), refused.error
    nobody = meshgait("gallery", "passphrase", gallery, "--passphrase-file", words)
    assert (nobody.code, "--new-passphrase-file" in nobody.error) == (2, True)
    for answers, text in ((("one passphrase", "another one"), "two different"), (("",), "no new")):
        typed(monkeypatch, *answers)
        refused = meshgait("gallery", "passphrase", gallery, "--passphrase-file", words)
        assert (refused.code, text in refused.error) == (2, True), refused.error
    asked = typed(monkeypatch, "wrong wrong wrong")
    assert "wrong passphrase" in meshgait("gallery", "passphrase", gallery).error
    assert len(asked) == 1  # nobody thinks of a new one in vain
    assert (gallery / "gallery.json").read_bytes() == before
