"""A gallery with a passphrase: the same answers, and nothing to be read on the disk."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError, UsageError
from meshgait_cli.gallery import private
from meshgait_cli.gallery import seal as seal_module
from meshgait_cli.gallery.audit import KEY, LOG
from meshgait_cli.gallery.exchange import export, import_into
from meshgait_cli.gallery.private import workplace
from meshgait_cli.gallery.seal import PASSPHRASE, Seal
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import SilhouetteSequence

Make = Callable[..., list[GallerySequence]]
WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The derivation as it is takes 0.3 s and 128 MB; its cost is kept with the gallery."""
    monkeypatch.setattr(seal_module, "_SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})
    monkeypatch.delenv(PASSPHRASE, raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "gallery", WORDS)


def secret(people: Make) -> GallerySequence:
    frames = np.random.default_rng(3).integers(0, 255, (20, 64, 64)).astype(np.uint8)
    return replace(
        people(1, seed=77)[0], identity="Zebediah-Quux", name="zq-friday.mp4", video="/zq-home/walk.mp4",
        camera="zq-door", view="zq-left", source="5ec2e7" * 8, enrolled="2031-05-07T05:05:05+00:00",
        silhouettes=SilhouetteSequence.from_arrays(frames),
    )  # fmt: skip


def test_nothing_of_a_person_lies_on_the_disk(store: Store, people: Make) -> None:
    """The same search finds all of it in a gallery without a passphrase."""
    one = secret(people)
    open_store = Store.create(store.folder.with_name("open"))
    for each in (store, open_store):
        each.add([*people(20), one])
        each.rename("p3", "Zebediah-Brother")
        each.audit.note("search", ["Zebediah-Quux"], walkers=1)
    assert one.silhouettes is not None
    picture = one.silhouettes.silhouettes.tobytes()[:64]
    vector = one.embedding.values.astype(np.float16).tobytes()[:32]
    needles = {
        "name": b"Zebediah", "video": b"zq-home", "file": b"zq-friday", "camera": b"zq-door",
        "view": b"zq-left", "source": one.source.encode(), "time": one.enrolled.encode(), "vector": vector,
        "log": b'"search"',
    }  # fmt: skip
    assert {what for what, needle in needles.items() if held(open_store.folder, needle)} == set(needles)
    assert [what for what, needle in needles.items() if held(store.folder, needle)] == []
    assert not held(store.folder, one.embedding.values.tobytes()[:32])
    assert not held(store.folder, picture)
    assert not (store.folder / KEY).exists()
    assert store.audit.pseudonym("Zebediah-Quux").encode() not in (store.folder / LOG).read_bytes()


def held(folder: Path, needle: bytes) -> bool:
    files = (path for path in folder.rglob("*") if path.is_file())
    return any(needle in path.read_bytes() or needle in path.name.encode() for path in files)


def test_all_comes_back_with_the_passphrase(store: Store, people: Make) -> None:
    one, others = secret(people), people(3)
    store.add([*others, one])
    again = Store(store.folder, WORDS)
    assert again.people() == {"Zebediah-Quux": 1, "p0": 2, "p1": 2, "p2": 2}
    (row,) = again.describe("Zebediah-Quux")
    assert (row["name"], row["video"], row["camera"]) == ("zq-friday.mp4", "/zq-home/walk.mp4", "zq-door")
    assert np.isnan(row["start_s"])
    (found,) = again.sequences(["Zebediah-Quux"])
    assert found.embedding.values == pytest.approx(one.embedding.values, abs=2e-3)
    assert found.embedding.quality == pytest.approx(0.8)
    kept = again.silhouettes(row["id"])
    assert kept is not None
    assert one.silhouettes is not None
    assert np.array_equal(kept.silhouettes, one.silhouettes.silhouettes)
    assert again.holds(one.source) == {"Zebediah-Quux"}
    ((distance, key, name),) = again.nearest(one.embedding.values[None], 1)[0]
    assert (key, name) == (row["id"], "Zebediah-Quux")
    assert distance == pytest.approx(0, abs=0.01)
    assert again.stats()["encrypted"]


def test_rename_merge_remove_do_as_in_the_open(store: Store, people: Make) -> None:
    plain = Store.create(store.folder.with_name("plain"))
    for each in (store, plain):
        each.add(people(5))
        assert each.rename("p0", "anna") == 2
        assert each.merge("p1", ["p2", "p3"]) == 4
        assert each.remove("p4") == 2
        assert each.add(people(1, seed=1)) != []  # p0 is called anna now
        with pytest.raises(GalleryError, match="'eve'"):
            each.remove("eve")
    assert store.people() == plain.people() == {"anna": 2, "p0": 2, "p1": 6}
    query = people(5)[3].embedding.values[None]
    for mine, theirs in zip(store.nearest(query, 5)[0], plain.nearest(query, 5)[0], strict=True):
        assert mine[0] == pytest.approx(theirs[0])
        assert mine[2] == theirs[2]
    store.audit.verify()
    said = [entry["action"] for entry in store.audit.entries()]
    assert said == ["create", "enrol", "rename", "merge", "remove", "enrol"]


def test_a_name_that_is_no_text_is_nobodys(store: Store, people: Make) -> None:
    store.add(people(1))
    with pytest.raises(UsageError, match="no text"):
        store.describe("ann\udcff")


def test_an_opened_gallery_sees_what_others_write(store: Store, people: Make) -> None:
    reader = Store(store.folder, WORDS)
    assert reader.people() == {}
    store.add(people(3))
    assert len(reader.people()) == 3
    store.rename("p0", "anna")
    store.remove("p1")
    store.add(people(1, seed=5, prefix="q"))
    assert reader.people() == {"anna": 2, "p2": 2, "q0": 2} == Store(store.folder, WORDS).people()


def test_many_small_enrolments_do_not_pile_up(store: Store, people: Make) -> None:
    for number in range(70):
        store.add(people(1, each=1, seed=number, prefix=f"n{number}-"))
    assert len(store) == len(store.people()) == 70
    assert len(list((store.folder / "vectors").rglob("data/*.lance"))) <= 140


def test_a_removed_box_is_gone(store: Store, people: Make) -> None:
    store.add([*people(3), secret(people)])
    (key,) = [row["id"] for row in store.describe("Zebediah-Quux")]
    assert held(store.folder, key.encode())
    store.remove("Zebediah-Quux")
    assert not held(store.folder, key.encode())


def test_a_wrong_or_no_passphrase_is_said_in_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GalleryError, match="wrong passphrase"):
        Store(store.folder, "something else")
    with pytest.raises(UsageError, match=PASSPHRASE):
        Store(store.folder)
    monkeypatch.setenv(PASSPHRASE, "no text \udcff")
    with pytest.raises(UsageError, match="no text in UTF-8"):
        Store(store.folder)
    monkeypatch.setenv(PASSPHRASE, WORDS)
    assert Store(store.folder).encrypted
    with pytest.raises(UsageError, match="8 characters"):
        Store.create(store.folder.with_name("short"), "seven77")
    assert not store.folder.with_name("short").exists()


def test_each_gallery_has_a_key_of_its_own(tmp_path: Path) -> None:
    (one, header), (other, another) = Seal.new(WORDS), Seal.new(WORDS)
    box = one.close("rows", b"x", "a")
    assert (one.open("rows", box, "a"), header["key"] != another["key"]) == (b"x", True)
    for seal, purpose, about in ((other, "rows", "a"), (one, "log", "a"), (one, "rows", "b")):
        with pytest.raises(GalleryError, match="damaged"):
            seal.open(purpose, box, about)
    for number in range(len(box)):
        with pytest.raises(GalleryError):
            one.open("rows", box[:number] + bytes([box[number] ^ 1]) + box[number + 1 :], "a")


@pytest.mark.parametrize(
    "change",
    [
        {"cipher": "ROT13"}, {"key": "zz"}, {"kdf": {}}, {"kdf": {"name": "scrypt", "n": 1 << 40, "r": 8}},
        *({"kdf": {"name": "scrypt", "n": 2, "r": 8, "p": 1, "salt": "00", **odd}}
          for odd in ({"n": float("inf")}, {"n": -(2**70)}, {"r": -8}, {"p": -5})),
    ],
)  # fmt: skip
def test_a_damaged_header_is_said_in_words(store: Store, change: dict[str, object]) -> None:
    path = store.folder / "gallery.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "seal": {**settings["seal"], **change}}))
    with pytest.raises(GalleryError, match="damaged"):
        Store(store.folder, WORDS)


def test_silhouettes_of_one_do_not_pass_for_anothers(store: Store, people: Make) -> None:
    first = secret(people)
    ids = store.add([first, replace(first, identity="ben", source="other")])
    one, other = (store.folder / "silhouettes" / f"{key}.box" for key in ids)
    one.write_bytes(other.read_bytes())
    with pytest.raises(GalleryError, match="damaged"):
        store.silhouettes(ids[0])
    assert store.silhouettes(ids[1]) is not None


def test_a_changed_log_shows(store: Store, people: Make) -> None:
    store.add(people(2))
    store.audit.note("search")
    lines = (store.folder / LOG).read_bytes().splitlines(keepends=True)
    (store.folder / LOG).write_bytes(b"".join([lines[0], lines[2]]))
    with pytest.raises(GalleryError, match="tampered"):
        store.audit.verify()


def test_it_can_be_exported_and_another_taken_in(store: Store, people: Make, tmp_path: Path) -> None:
    store.add([*people(2), secret(people)])
    export(store, tmp_path / "out", "Zebediah-Quux")
    assert held(tmp_path / "out", b"Zebediah-Quux")  # an export is for people to read
    other = Store.create(tmp_path / "other", WORDS)
    import_into(other, tmp_path / "out")
    assert repr(other.describe()) == repr(store.describe("Zebediah-Quux"))


def test_everything_is_for_its_owner_only(store: Store, people: Make) -> None:
    store.add([*people(2), secret(people)])
    store.remove("p0")
    for path in (store.folder, *store.folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_videos_are_read_in_memory_where_that_can_be(store: Store) -> None:
    place = store.work
    assert place.is_relative_to(store.folder) or str(place).startswith("/dev/shm/")
    with workplace(place) as folder:
        (folder / "x").write_text("x")
        assert {stat.S_IMODE(each.stat().st_mode) for each in (place, folder)} == {0o700}
    assert not folder.exists()


def test_an_erasure_clears_away_what_the_killed_left_wherever_they_worked(
    store: Store, people: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whether there was room in memory then, and whether there is now."""
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(private, "_MEMORY", memory)
    store.add(people(2))
    left = []
    for room in (0, 1 << 60):
        monkeypatch.setattr(private, "_ROOM", room)
        left.append(left_behind(store.work))
    assert left[0].parent.parent == memory
    assert left[1].parent.parent == store.folder
    store.remove("p0")
    assert [place.exists() for place in left] == [False, False]
    monkeypatch.setattr(private, "_ROOM", 0)
    left_behind(store.work).parent.chmod(0o755)  # anybody could have made it
    store.remove("p1")
    assert any(memory.glob("*/*"))


def left_behind(work: Path) -> Path:
    """What a process that was killed leaves there."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    place = work / f"{socket.gethostname()}-{dead.pid}-0123abcd"
    work.mkdir(mode=0o700, exist_ok=True)
    place.mkdir(mode=0o700)
    return place


def test_somebody_elses_folder_in_memory_is_not_used(store: Store) -> None:
    place = store.work
    if place.is_relative_to(store.folder):
        pytest.skip("there is no room in memory here")
    place.mkdir(mode=0o755)
    try:
        place.chmod(0o755)
        with pytest.raises(GalleryError, match="owner only"), workplace(place):
            pass
        assert store.work.is_relative_to(store.folder)
    finally:
        place.rmdir()
