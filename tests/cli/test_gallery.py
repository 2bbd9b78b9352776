from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshgait_cli.gallery.store import Store
from meshgait_cli.shipped import folder as shipped

EXAMPLES = sorted((shipped("examples") / "walkers").glob("*.npz"))
Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """anna.npz, ben/{monday,tuesday}.npz, and a name that is also markup and a path."""
    place = tmp_path / "people"
    (place / "ben").mkdir(parents=True)
    (place / "<script>[bold]").mkdir()
    for source, name in zip(
        EXAMPLES, ("anna.npz", "ben/monday.npz", "ben/tuesday.npz", "<script>[bold]/x.npz"), strict=False
    ):
        shutil.copy(source, place / name)
    return place


@pytest.fixture
def gallery(tmp_path: Path, folder: Path, meshgait: Run) -> Path:
    place = tmp_path / "gallery"
    assert meshgait("gallery", "create", place).code == 0
    assert meshgait("gallery", "enroll", place, folder, "--quiet", "--device", "cpu").code == 0
    return place


def test_a_folder_of_people_is_enrolled_once(gallery: Path, folder: Path, meshgait: Run) -> None:
    people = json.loads(meshgait("gallery", "list", gallery, "--json").out)
    assert people == [
        {"identity": "<script>[bold]", "sequences": 1},
        {"identity": "anna", "sequences": 1},
        {"identity": "ben", "sequences": 2},
    ]
    again = json.loads(meshgait("gallery", "enroll", gallery, folder, "--json", "-q", "--device", "cpu").out)
    assert (again["enrolled"], again["already"]) == (0, 4)
    assert "<script>[bold]" in meshgait("gallery", "list", gallery).out  # as it is, not as markup
    stats = json.loads(meshgait("gallery", "stats", gallery, "--json").out)
    assert (stats["people"], stats["sequences"], stats["with_several_sequences"]) == (3, 4, 1)
    assert stats["model"].startswith("meshgait-s@")


def test_a_folder_that_was_searched_is_a_gallery(folder: Path, tmp_path: Path, meshgait: Run) -> None:
    refused = meshgait("gallery", "list", folder)
    assert (refused.code, "when `match` or `watch` first uses it" in refused.error) == (2, True)
    for _ in range(2):
        ran = meshgait("match", folder / "anna.npz", "-g", folder, "--device", "cpu", "--json", "-q")
        assert ran.code == 0, ran.err
        assert json.loads(ran.out)["walkers"][0]["matches"][0]["identity"] == "anna"
    assert [one["identity"] for one in json.loads(meshgait("gallery", "list", folder, "--json").out)] == [
        "<script>[bold]", "anna", "ben",
    ]  # fmt: skip
    rows = json.loads(meshgait("gallery", "show", folder, "ben", "--json").out)
    assert {row["name"].split()[0] for row in rows} == {"ben/monday.npz", "ben/tuesday.npz"}
    stats = json.loads(meshgait("gallery", "stats", folder, "--json").out)
    assert (stats["people"], stats["sequences"]) == (3, 4)
    assert "needs 10 people" in meshgait("gallery", "calibrate", folder).error
    for change in (("remove", folder, "anna", "-y"), ("rename", folder, "anna", "eve")):
        ran = meshgait("gallery", *change)
        assert (ran.code, "follows the folder" in ran.error) == (1, True), ran.err
    other = tmp_path / "other"
    meshgait("gallery", "create", other)
    assert json.loads(meshgait("gallery", "import", other, folder, "--json").out)["imported"] == 4
    actions = [entry["action"] for entry in Store(folder).audit.entries()]
    assert actions == ["create", "enrol", "search", "search"]


def test_one_file_needs_a_name(gallery: Path, folder: Path, meshgait: Run) -> None:
    refused = meshgait("gallery", "enroll", gallery, folder / "anna.npz", "--quiet")
    assert refused.code == 2
    assert "--identity" in refused.error
    done = meshgait(
        "gallery", "enroll", gallery, folder / "ben" / "monday.npz", "-i", "carl", "--camera", "door", "-q",
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert json.loads(done.out)["people"] == ["carl"]
    (row,) = json.loads(meshgait("gallery", "show", gallery, "carl", "--json").out)
    assert (row["camera"], row["name"], row["frames"], row["silhouettes"]) == (
        "door",
        "monday.npz monday",
        60,
        True,
    )


def test_of_sources_only_the_same_is_left_out(tmp_path: Path, meshgait: Run) -> None:
    """Two folders of other walks by the same tree are two; a file named twice is one."""
    gallery, folders = tmp_path / "gallery", [tmp_path / "monday", tmp_path / "tuesday"]
    for folder, walk in zip(folders, EXAMPLES, strict=False):
        (folder / "nm-01" / "090").mkdir(parents=True)
        shutil.copy(walk, folder / "nm-01" / "090" / "walk.npz")
    meshgait("gallery", "create", gallery)

    def enrolled(*sources: Path) -> tuple[int, int]:
        ran = meshgait(
            "gallery", "enroll", gallery, *sources, "-i", "anna", "--json", "-q", "--device", "cpu"
        )
        assert ran.code == 0, ran.err
        told = json.loads(ran.out)
        return told["enrolled"], told["already"]

    assert enrolled(folders[0]) == (1, 0)
    assert enrolled(*folders) == (1, 1)
    assert enrolled(EXAMPLES[2], EXAMPLES[2]) == (1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_name_that_is_not_utf8_is_enrolled(tmp_path: Path, meshgait: Run) -> None:
    place, walk = tmp_path / "gallery", Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npz"))
    shutil.copy(EXAMPLES[0], walk)
    assert meshgait("gallery", "create", place).code == 0
    done = meshgait("gallery", "enroll", place, walk, "-i", "anna", "--quiet", "--device", "cpu")
    assert done.code == 0, done.error
    (shown,) = json.loads(meshgait("gallery", "show", place, "anna", "--json").out)
    assert shown["name"].startswith("\ufffd.npz")


def test_removal_asks_and_erases(gallery: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert meshgait("gallery", "remove", gallery, "ben").code == 1
    assert len(json.loads(meshgait("gallery", "list", gallery, "--json").out)) == 3
    assert json.loads(meshgait("gallery", "remove", gallery, "ben", "--yes", "--json").out)["removed"] == 2
    assert len(list((gallery / "silhouettes").iterdir())) == 2
    gone = meshgait("gallery", "show", gallery, "ben")
    assert gone.code == 1
    assert "'ben'" in gone.error


def test_rename_merge_export_import(gallery: Path, tmp_path: Path, meshgait: Run) -> None:
    assert meshgait("gallery", "rename", gallery, "anna", "Anna B.").code == 0
    assert meshgait("gallery", "merge", gallery, "ben", "Anna B.", "--yes").code == 0
    out = tmp_path / "out"
    assert meshgait("gallery", "export", gallery, out, "--identity", "ben").code == 0
    assert [entry["action"] for entry in json.loads((out / "log.json").read_text())] == [
        "enrol", "rename", "merge",
    ]  # fmt: skip
    assert len(list((out / "silhouettes").iterdir())) == 3
    other = tmp_path / "other"
    meshgait("gallery", "create", other)
    assert json.loads(meshgait("gallery", "import", other, out, "--json").out)["imported"] == 3
    assert json.loads(meshgait("gallery", "import", other, out, "--json").out)["imported"] == 0
    assert json.loads(meshgait("gallery", "list", other, "--json").out) == [
        {"identity": "ben", "sequences": 3}
    ]
    assert meshgait("gallery", "export", gallery, out).code == 2  # it holds something
    inside = meshgait("gallery", "export", gallery, gallery / "in")
    assert (inside.code, (gallery / "in").exists()) == (2, False)
    assert "lies in the gallery itself" in inside.error


def test_an_export_holds_all_that_is_kept(gallery: Path, tmp_path: Path) -> None:
    from meshgait_cli.gallery.exchange import export, import_into

    first = Store(gallery)
    export(first, tmp_path / "all")
    second = Store.create(tmp_path / "copy")
    import_into(second, tmp_path / "all")
    assert repr(second.describe()) == repr(first.describe())  # NaN is not itself
    for one, two in zip(
        sorted(first.sequences(), key=lambda s: s.id),
        sorted(second.sequences(), key=lambda s: s.id),
        strict=True,
    ):
        assert np.array_equal(one.embedding.values, two.embedding.values)


@pytest.mark.parametrize("text", ["{", '{"schema": 7}', '{"schema": 1, "sequences": [{}]}'])
def test_a_damaged_export_is_refused_in_words(
    gallery: Path, tmp_path: Path, meshgait: Run, text: str
) -> None:
    out = tmp_path / "out"
    meshgait("gallery", "export", gallery, out)
    (out / "sequences.json").write_text(text)
    refused = meshgait("gallery", "import", gallery, out)
    assert refused.code == 1
    assert "out" in refused.error


def test_an_export_cannot_reach_outside_its_folder(gallery: Path, tmp_path: Path, meshgait: Run) -> None:
    out = tmp_path / "out"
    meshgait("gallery", "export", gallery, out)
    index = json.loads((out / "sequences.json").read_text())
    index["sequences"][0]["id"] = "../../evil"
    (out / "sequences.json").write_text(json.dumps(index))
    other = tmp_path / "other"
    meshgait("gallery", "create", other)
    assert meshgait("gallery", "import", other, out).code == 1


def test_nothing_there_is_said_in_words(tmp_path: Path, meshgait: Run) -> None:
    for command in (("list",), ("show", "x"), ("stats",), ("remove", "x", "--yes")):
        refused = meshgait("gallery", command[0], tmp_path / "nowhere", *command[1:])
        assert refused.code == 2
        assert "gallery create" in refused.error


def test_removal_takes_the_name_as_an_option_too(gallery: Path, meshgait: Run) -> None:
    done = meshgait("gallery", "remove", gallery, "--identity", "ben", "--yes", "--json")
    assert json.loads(done.out) == {"identity": "ben", "removed": 2}
    for names in ((), ("anna", "--identity", "anna")):
        assert meshgait("gallery", "remove", gallery, *names, "--yes").code == 2
    assert len(json.loads(meshgait("gallery", "list", gallery, "--json").out)) == 2


def test_a_mistyped_name_is_guessed_and_nobody_asked_about_it(gallery: Path, meshgait: Run) -> None:
    for command in (("show", "Ana"), ("remove", "Ana"), ("merge", "ben", "Ana"), ("rename", "Ana", "x")):
        refused = meshgait("gallery", command[0], gallery, *command[1:])
        assert refused.code == 1
        assert "did you mean 'anna'?" in refused.error
        assert "y/N" not in refused.err


def test_a_sequences_id_is_never_cut_short(gallery: Path, meshgait: Run) -> None:
    (row,) = json.loads(meshgait("gallery", "show", gallery, "anna", "--json").out)
    assert row["id"] in meshgait("gallery", "show", gallery, "anna").out
    done = meshgait("gallery", "remove", gallery, "ben", "--sequence", row["id"], "--yes")
    assert (done.code, "no sequence" in done.error) == (1, True)


@pytest.mark.parametrize("command", [("create",), ("list",), ("enroll", EXAMPLES[0], "-i", "x")])
def test_another_object_store_is_refused_in_words(
    tmp_path: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[Any, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = meshgait("gallery", command[0], "gs://bucket/people", *command[1:])
    assert (refused.code, "gs:// is not supported" in refused.error) == (2, True)
    assert list(tmp_path.iterdir()) == []
    assert "gs://" in meshgait("match", EXAMPLES[0], "-g", "gs://bucket/people", "-q").error


def test_the_index_is_nothing_for_a_small_gallery(gallery: Path, meshgait: Run) -> None:
    done = meshgait("gallery", "index", gallery, "--json")
    assert json.loads(done.out) == {"gallery": str(gallery), "built": False, "search": "exact"}
