"""A gallery or an export that something has spoilt: one line that says so, and nothing is changed."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError, UsageError
from meshgait_cli.gallery.exchange import export
from meshgait_cli.gallery.keepsakes import unpacked
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.gallery.table import damaged
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.results.embeddings import EmbeddingSet

Make = Callable[..., list[GallerySequence]]
Run = Callable[..., Any]
COMMANDS = (
    ("list",), ("show", "p0"), ("stats",), ("rename", "p0", "x"), ("remove", "p0", "-y"), ("calibrate",),
)  # fmt: skip


@pytest.fixture
def gallery(tmp_path: Path, people: Make) -> Path:
    walk = SilhouetteSequence.from_arrays(np.full((20, 64, 64), 255, np.uint8))
    store = Store.create(tmp_path / "g")
    store.add([replace(one, silhouettes=walk) for one in people(3)])
    return store.folder


def held(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refused(meshgait: Run, gallery: Path, commands: Any = COMMANDS, said: str = "damaged") -> None:
    before = held(gallery)
    for command in commands:
        ran = meshgait("gallery", command[0], gallery, *command[1:])
        assert (ran.code, said in ran.error) == (1, True), (command, ran.err)
        assert "internal" not in ran.error
    assert held(gallery) == before


@pytest.mark.parametrize(
    "change",
    [
        {"model": "x"}, {"model": {}}, {"model": {"id": 3, "trained": True, "parts": 16, "dim": 8}},
        {"model": {"id": "net@1", "trained": True, "parts": "16", "dim": None}},
        {"model": {"id": "net@1", "trained": True, "parts": 0, "dim": 8}},
        {"model": {"id": "net@1", "trained": True, "parts": 8, "dim": 8}},
        {"model": {"id": "net@1", "trained": True, "parts": 10**30, "dim": 8}}, {"seal": None, "schema": 2},
        {"table": 5}, {"table": "../other/vectors"}, {"table": "silhouettes"},
    ],
)  # fmt: skip
def test_settings_that_no_gallery_has(gallery: Path, meshgait: Run, change: dict) -> None:
    settings = json.loads((gallery / "gallery.json").read_text())
    (gallery / "gallery.json").write_text(json.dumps({**settings, **change}))
    refused(meshgait, gallery, COMMANDS[:4])


@pytest.mark.parametrize(
    ("files", "share", "said"),
    [  # at a manifest the engine would panic, and print its stack
        ("*.lance", 0.5, "damaged"), ("*.manifest", 0.5, "was cut short"), ("*.manifest", 0, "was cut short"),
    ],
)  # fmt: skip
def test_a_table_that_was_cut_short(
    gallery: Path, meshgait: Run, files: str, share: float, said: str
) -> None:
    for path in [path for path in (gallery / "vectors").rglob(files) if path.is_file()]:
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
    refused(meshgait, gallery, said=said)


@pytest.mark.parametrize(("keep", "said"), [(16, "is not whole"), (200, "damaged")])
def test_a_table_that_was_overwritten(gallery: Path, meshgait: Run, keep: int, said: str) -> None:
    for path in (gallery / "vectors").rglob("*.manifest"):
        content = path.read_bytes()
        path.write_bytes(content[:20] + b"\xff" * (len(content) - 20 - keep) + content[-keep:])
    refused(meshgait, gallery, [("list",), ("show", "p0")], said)


@pytest.mark.parametrize("failing", ["infinite", "text", "late", "disk"])
def test_enrolling_that_fails_leaves_nothing(
    tmp_path: Path, people: Make, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    from meshgait_cli.gallery.table import Table

    walk = SilhouetteSequence.from_arrays(np.full((20, 64, 64), 255, np.uint8))
    some = [replace(one, silhouettes=walk) for one in people(2)]
    if failing == "infinite":
        some[-1].embedding.values[0, 0] = 1e6
    elif failing == "text":
        some[-1] = replace(some[-1], video="\ud800")
    elif failing == "late":
        some[-1] = replace(some[-1], embedding=replace(some[-1].embedding, model_id="net@2"))
    else:
        monkeypatch.setattr(Table, "add", lambda *_: 1 / 0)
    store = Store.create(tmp_path / "g")
    with pytest.raises((GalleryError, UsageError, ZeroDivisionError)):
        store.add(some)
    assert store.model_id is None
    assert not list(store.folder.rglob("*.npz"))
    monkeypatch.undo()
    assert len(store.add(people(2, model="net@3"))) == 4


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000, '{"entry": "abc", "ids": []}',
        '{"entry": {"action": "remove", "people": "x"}, "ids": 5}',
        '{"entry": {"action": "rename", "people": [], "sequences": 1}, "ids": ["a"]}',
        '{"entry": {"action": "remove", "people": ["\\ud800"], "sequences": 1}, "ids": ["a"]}',
    ],
)  # fmt: skip
def test_a_damaged_erasing_stops_no_later_write(gallery: Path, people: Make, content: str) -> None:
    (gallery / "erasing").write_text(content)
    store = Store(gallery)
    before = len(store.audit.entries())
    store.add(people(1, prefix="x"))
    assert not (gallery / "erasing").exists()
    assert len(store.audit.entries()) == before + 1


def test_what_the_system_refuses_is_no_damage(gallery: Path) -> None:
    place = Store(gallery).place
    said = "lance error: LanceError(IO): No space left on device (os error 28), /a/b.rs:1:2"
    for full in (RuntimeError(said), OSError(28, "No space left on device")):
        assert str(damaged(place, full)) == f"{gallery} cannot be read or written: No space left on device"
    assert "Input/output error" in str(damaged(place, OSError("LanceError(IO): (os error 5)")))
    assert "damaged" in str(damaged(place, RuntimeError("LanceError(IO): not found (os error 2)")))


@pytest.mark.parametrize("key", ["zz", "", "00" * 31])
def test_without_the_logs_key_nothing_is_changed(
    gallery: Path, meshgait: Run, tmp_path: Path, key: str
) -> None:
    (gallery / "audit.key").write_text(key)
    refused(meshgait, gallery, [*COMMANDS[3:5], ("export", tmp_path / "out")], "audit.key is damaged")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"junk\n\xff\n", None])
def test_a_log_that_is_gone_shows(gallery: Path, meshgait: Run, content: bytes | None) -> None:
    (gallery / "audit.jsonl").unlink()
    if content is not None:
        (gallery / "audit.jsonl").write_bytes(content)
    refused(meshgait, gallery, [("stats",)], "tampered")


def test_a_name_that_is_no_text_is_nobodys(gallery: Path, meshgait: Run) -> None:
    ran = meshgait("gallery", "show", gallery, "\udc80")
    assert ran.code == 2
    assert "no text" in ran.error


@pytest.mark.parametrize("there", [False, True])
def test_an_export_that_fails_leaves_nothing(gallery: Path, tmp_path: Path, there: bool) -> None:
    broken = next((gallery / "silhouettes").iterdir())
    broken.write_bytes(broken.read_bytes()[:100])
    if there:
        (tmp_path / "out").mkdir()
    with pytest.raises(GalleryError, match="holds no silhouettes"):
        export(Store(gallery), tmp_path / "out")
    assert (tmp_path / "out").exists() == there
    assert held(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"identity": None}, "None is no identity"), ({"camera": 3}, "3 is no camera"), ({"id": ""}, "id"),
        ({"id": "a" * 300}, "no sequence id"), ({"start_s": [1]}, "damaged"),
        ({"end_s": float("inf")}, "inf is no end_s"),
        ({"start_s": 10**400}, "digits"), ({"camera": "c" * 300}, "a camera is named by"),
        ({"enrolled": "\x1b[2J"}, "time of enrolment"), ({"id": "twice"}, "otherwise"),
    ],
)  # fmt: skip
def test_an_export_that_was_changed_is_not_taken_in(
    gallery: Path, tmp_path: Path, meshgait: Run, entry: dict, said: str
) -> None:
    out = tmp_path / "out"
    export(Store(gallery), out)
    index = json.loads((out / "sequences.json").read_text())
    for number in range(2 if entry.get("id") == "twice" else 1):
        index["sequences"][number].update(entry)
    (out / "sequences.json").write_text(json.dumps(index))
    other = Store.create(tmp_path / "other").folder
    refused(meshgait, other, [("import", out)], said)


def test_silhouettes_of_an_export_that_were_cut_short(gallery: Path, tmp_path: Path, meshgait: Run) -> None:
    out = tmp_path / "out"
    export(Store(gallery), out)
    for path in (out / "silhouettes").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    other = Store.create(tmp_path / "other").folder
    refused(meshgait, other, [("import", out)], "holds no silhouettes")
    shutil.rmtree(out / "silhouettes")
    assert meshgait("gallery", "import", other, out).code == 0


def test_an_export_of_nobody_is_not_there_already(gallery: Path, tmp_path: Path, meshgait: Run) -> None:
    nobody = Store.create(tmp_path / "nobody").folder
    refused(meshgait, gallery, [("import", nobody)], "there is nobody in")
    export(Store(gallery), tmp_path / "out")
    index = json.loads((tmp_path / "out" / "sequences.json").read_text())
    (tmp_path / "out" / "sequences.json").write_text(json.dumps({**index, "sequences": []}))
    EmbeddingSet((), "net@1", True).write(tmp_path / "out" / "embeddings.safetensors")
    refused(meshgait, gallery, [("import", tmp_path / "out")], "there is nobody in")


def test_an_empty_file_of_silhouettes_is_none() -> None:
    packed = io.BytesIO()
    np.savez(packed, silhouettes=np.zeros((0, 64, 64), np.uint8), times=np.zeros(0))
    with pytest.raises(ValueError, match="no silhouettes"):
        unpacked(packed.getvalue())


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.key", ".lock"])
def test_a_folder_in_a_files_place_is_damage(gallery: Path, meshgait: Run, name: str) -> None:
    (gallery / name).unlink()
    (gallery / name).mkdir()
    refused(meshgait, gallery, [("rename", "p0", "x"), ("remove", "p0", "-y")], f"{name} is damaged")


def test_a_gallerys_name_can_be_printed(tmp_path: Path, meshgait: Run) -> None:
    ran = meshgait("gallery", "create", tmp_path / "a\nb")
    assert (ran.code, "cannot be printed" in ran.error) == (2, True)
    assert held(tmp_path) == {}


def test_labels_do_not_speak_to_the_terminal(gallery: Path, people: Make, meshgait: Run) -> None:
    Store(gallery).add(
        [replace(people(1, prefix="x")[0], name="a\x1b[31m.mp4", camera="\x07door", source="s")]
    )
    shown = meshgait("gallery", "show", gallery, "x0").out
    assert "door" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
