from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.distance import part_distance
from meshgait_cli.errors import GalleryError, SourceNotFound, UsageError
from meshgait_cli.gallery import store as store_module
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.gallery.table import Table
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence

Make = Callable[..., list[GallerySequence]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "gallery")


def places(folder: Path, needle: bytes) -> list[str]:
    """Files below the folder that hold these bytes, in their content or their name."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [
        str(p.relative_to(folder)) for p in found if needle in p.read_bytes() or needle in p.name.encode()
    ]


def halves(sequence: GallerySequence) -> bytes:
    """A stretch of the half-precision vector as it lies on the disk."""
    return sequence.embedding.values.astype(np.float16).tobytes()[:48]


def test_what_is_enrolled_comes_back_in_half_precision(store: Store, people: Make) -> None:
    given = [replace(s, video="a.mp4", start_s=1.5, end_s=4.0, view="090", camera="door") for s in people(3)]
    ids = store.add(given)
    found = {s.id: s for s in Store(store.folder).sequences()}
    assert sorted(found) == sorted(ids)
    for key, one in zip(ids, given, strict=True):
        kept = found[key]
        assert (kept.identity, kept.name, kept.video, kept.start_s, kept.end_s, kept.view, kept.camera) == (
            one.identity, "take 0" if one.name == "take 0" else "take 1", "a.mp4", 1.5, 4.0, "090", "door",
        )  # fmt: skip
        assert kept.embedding.values == pytest.approx(one.embedding.values, abs=2e-3)
        assert (kept.embedding.model_id, kept.embedding.frames) == ("net@1", 60)
        assert kept.embedding.quality == pytest.approx(0.8)
    assert store.people() == {"p0": 2, "p1": 2, "p2": 2}


def test_an_unknown_quality_and_time_stay_unknown(store: Store) -> None:
    bare = GallerySequence("anna", "x", GaitEmbedding(np.ones((2, 2), np.float32), "net@1", True, 5))
    store.add([bare])
    (found,) = store.sequences()
    assert np.isnan(found.embedding.quality)
    assert np.isnan(found.start_s)


def test_an_empty_gallery_answers(store: Store) -> None:
    assert (len(store), store.people(), store.sequences(), store.describe()) == (0, {}, [], [])
    assert store.nearest(np.zeros((1, 16, 8), np.float32), 3) == [[]]
    assert store.add([]) == []
    with pytest.raises(GalleryError, match="no 'anna'"):
        store.remove("anna")


def test_enrolling_the_same_again_adds_nothing(store: Store, people: Make) -> None:
    store.add(people(3))
    assert store.add(people(3)) == []
    new = people(1, seed=9, prefix="new")
    assert len(store.add([*people(3), *new, *new])) == 2
    assert len(store) == 8
    unknown = [replace(one, source="") for one in new]  # of a stream nobody knows whether it was there
    assert len(store.add([*unknown, *unknown])) == 4


def test_the_nearest_are_exactly_those_of_the_part_mean_distance(store: Store, people: Make) -> None:
    store.add(people(40, each=3))
    stored = store.sequences()
    values = np.stack([s.embedding.values for s in stored])
    queries = np.random.default_rng(5).standard_normal((3, 16, 8)).astype(np.float32)
    for query, found in zip(queries, store.nearest(queries, 7), strict=True):
        distances = part_distance(query, values)
        order = np.argsort(distances)[:7]
        assert [key for _, key, _ in found] == [stored[i].id for i in order]
        assert [d for d, _, _ in found] == pytest.approx(distances[order], rel=1e-5)


def test_another_model_is_refused_in_words(store: Store, people: Make) -> None:
    store.add(people(2))
    with pytest.raises(GalleryError, match=r"net@1.*net@2"):
        store.add(people(1, model="net@2"))
    with pytest.raises(GalleryError, match="net@2"):
        store.require_model("net@2")
    assert len(store) == 4


def test_a_batch_of_two_models_leaves_nothing(store: Store, people: Make) -> None:
    store.add(people(1))
    with pytest.raises(GalleryError):
        store.add([*people(1, seed=1), *people(1, seed=2, model="net@2")])
    assert len(store) == 2


def test_another_version_and_damage_are_refused_in_words(store: Store, tmp_path: Path) -> None:
    settings = store.folder / "gallery.json"
    kept = json.loads(settings.read_text())
    settings.write_text(json.dumps({**kept, "schema": 99}))
    with pytest.raises(GalleryError, match="version 99"):
        Store(store.folder)
    settings.write_text("{")
    with pytest.raises(GalleryError, match="damaged"):
        Store(store.folder)
    with pytest.raises(SourceNotFound, match="gallery create"):
        Store(tmp_path / "nowhere")
    with pytest.raises(GalleryError, match="already"):
        Store.create(store.folder)


def test_a_folder_that_holds_something_becomes_no_gallery(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(GalleryError, match="holds something"):
        Store.create(tmp_path)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "a\x1b[31mb", "a\x00b"])
def test_names_that_would_garble_a_terminal_are_refused(store: Store, people: Make, name: str) -> None:
    with pytest.raises(UsageError):
        store.add([replace(people(1)[0], identity=name)])


@pytest.mark.parametrize(
    "name", ["O'Brien", "'; DROP TABLE sequences; --", "../../x", "<script>", "山田", 'a"b\\c']
)
def test_any_other_name_is_only_a_name(store: Store, people: Make, name: str) -> None:
    store.add([*people(2), replace(people(1, seed=7)[0], identity=name)])
    assert store.people()[name] == 1
    assert store.rename(name, "x") == 1
    assert store.rename("x", name) == 1
    assert store.remove(name) == 1
    assert store.people() == {"p0": 2, "p1": 2}


def test_a_removed_person_is_gone_from_the_disk(store: Store, people: Make) -> None:
    """Many small transactions first, and enough rows for the index, so that there are old versions of all."""
    secret = replace(people(1, seed=77)[0], identity="Zebediah-Quux", name="zq-friday.mp4", video="/zq-home")
    frames = np.full((20, 64, 64), 7, np.uint8)
    store.add(people(600))
    store.add([replace(secret, silhouettes=SilhouetteSequence.from_arrays(frames))])
    for number in range(4):
        store.add(people(1, seed=100 + number, prefix=f"late{number}-"))
    (sequence,) = store.sequences(["Zebediah-Quux"])
    assert store.silhouettes(sequence.id) is not None
    assert places(store.folder, halves(secret))  # the search can find it
    assert places(store.folder, b"Zebediah-Quux")

    assert store.remove("Zebediah-Quux") == 1
    for needle in (halves(secret), b"Zebediah", b"zq-friday", b"/zq-home", secret.source.encode() + b"\0"):
        assert places(store.folder, needle) == []
    assert places(store.folder, sequence.id.encode()) == []
    assert len(store) == 1208
    assert store.nearest(secret.embedding.values[None], 1)[0][0][0] > 0.5


def test_one_sequence_can_be_removed(store: Store, people: Make) -> None:
    given = people(2)
    ids = store.add(given)
    assert store.remove("p0", ids[0]) == 1
    assert places(store.folder, halves(given[0])) == []
    assert store.people() == {"p0": 1, "p1": 2}
    with pytest.raises(GalleryError):
        store.remove("p0", ids[2])  # somebody else's


def test_the_last_person_can_be_removed(store: Store, people: Make) -> None:
    one = replace(people(1, each=1)[0], identity="Zebediah")
    store.add([one])
    store.remove("Zebediah")
    assert (len(store), places(store.folder, halves(one)), places(store.folder, b"take 0")) == (0, [], [])
    assert places(store.folder, b"Zebediah") == []
    assert len(store.add([one])) == 1


def test_an_old_name_is_erased_too(store: Store, people: Make) -> None:
    store.add([replace(s, identity="Zebediah") for s in people(1)])
    store.rename("Zebediah", "ben")
    assert places(store.folder, b"Zebediah") == []
    assert store.people() == {"ben": 2}


def test_rename_and_merge_tell_one_from_two(store: Store, people: Make) -> None:
    store.add(people(3))
    with pytest.raises(GalleryError, match="merge"):
        store.rename("p0", "p1")
    with pytest.raises(GalleryError, match="'eve'"):
        store.rename("eve", "adam")
    with pytest.raises(GalleryError, match="'eve'"):
        store.merge("eve", ["p0"])
    assert store.merge("p0", ["p1", "p2"]) == 4
    assert store.people() == {"p0": 6}
    with pytest.raises(UsageError):
        store.merge("p0", ["p0"])


def test_an_erasure_that_was_killed_is_finished_by_the_next_write(
    store: Store, people: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = people(3)
    store.add(given)

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module.Table, "scrub", dies)
    with pytest.raises(KeyboardInterrupt):
        store.remove("p0")
    monkeypatch.undo()
    assert places(store.folder, halves(given[0]))  # it lies there yet
    other = Store(store.folder)
    other.add(people(1, seed=5, prefix="q"))
    assert places(store.folder, halves(given[0])) == []
    assert other.people() == {"p1": 2, "p2": 2, "q0": 2}


@pytest.mark.parametrize("where", ["rows", "scrub", "mark"])
@pytest.mark.parametrize("action", ["remove", "rename", "merge"])
def test_an_erasure_that_was_killed_stands_in_the_log_if_it_was_one(
    store: Store, people: Make, monkeypatch: pytest.MonkeyPatch, action: str, where: str
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    store.add(people(3))
    act = {
        "remove": lambda: store.remove("p0"),
        "rename": lambda: store.rename("p0", "new"),
        "merge": lambda: store.merge("p1", ["p0", "p2"]),
    }[action]
    if where == "rows":
        monkeypatch.setattr(Table, "delete" if action == "remove" else "rename", dies)
    elif where == "scrub":
        monkeypatch.setattr(Table, "scrub", dies)
    else:
        delete = type(store.place).delete
        monkeypatch.setattr(
            type(store.place), "delete",
            lambda place, names: dies() if names == ["erasing"] else delete(place, names),
        )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        act()
    monkeypatch.undo()
    Store(store.folder).add(people(1, prefix="q", seed=1))
    found = [entry for entry in store.audit.entries() if entry["action"] == action]
    store.audit.verify()
    if where == "rows":
        assert not found
        assert store.people() == {"p0": 2, "p1": 2, "p2": 2, "q0": 2}
        act()
        found = [entry for entry in store.audit.entries() if entry["action"] == action]
    assert len(found) == (2 if where == "mark" else 1)  # twice rather than never
    names = {"remove": ["p0"], "rename": ["new", "p0"], "merge": ["p1", "p0", "p2"]}[action]
    assert found[0]["people"] == [store.audit.pseudonym(name) for name in names]
    assert found[0]["sequences"] == (4 if action == "merge" else 2)


def test_everything_is_for_its_owner_only(store: Store, people: Make) -> None:
    frames = SilhouetteSequence.from_arrays(np.zeros((5, 64, 64), np.uint8))
    store.add([replace(s, silhouettes=frames) for s in people(2)])
    store.remove("p0")
    for path in (store.folder, *store.folder.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_silhouettes_come_back(store: Store, people: Make) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (9, 64, 64)).astype(np.uint8)
    given = people(1)
    ids = store.add([replace(given[0], silhouettes=SilhouetteSequence.from_arrays(frames)), given[1]])
    found = store.silhouettes(ids[0])
    assert found is not None
    assert np.array_equal(found.silhouettes, frames)
    assert store.silhouettes(ids[1]) is None
    assert store.silhouettes(f"../silhouettes/{ids[0]}") is not None  # a name, never a way out
    assert [row["silhouettes"] for row in store.describe()] == [True, False]


def test_many_small_enrolments_do_not_pile_up(store: Store, people: Make) -> None:
    for number in range(70):
        store.add(people(1, each=1, seed=number, prefix=f"n{number}-"))
    assert len(store) == 70
    assert len(list((store.folder / "vectors").rglob("data/*.lance"))) <= 140
    assert store.stats()["people"] == 70


WRITER = """
import sys, numpy as np
from pathlib import Path
from meshgait_cli.gallery.store import Store
from meshgait_cli.gallery.table import Table
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.records import GaitEmbedding
store = Store(Path(sys.argv[1]))
rng = np.random.default_rng(int(sys.argv[2]))
for number in range(int(sys.argv[3])):
    values = rng.standard_normal((16, 8)).astype(np.float32)
    name = f"w{sys.argv[2]}-{number}"
    store.add([GallerySequence(name, "x", GaitEmbedding(values, "net@1", True, 9), source=name)])
    print(name, flush=True)
"""


@pytest.mark.slow
def test_several_processes_enrol_at_once(store: Store) -> None:
    """Into a gallery that is new, so that they also race for its model."""
    command = [sys.executable, "-c", WRITER, str(store.folder)]
    workers = [subprocess.Popen([*command, str(n), "20"], stdout=subprocess.PIPE) for n in range(4)]
    said = [name for worker in workers for name in worker.communicate()[0].decode().split()]
    assert [worker.returncode for worker in workers] == [0] * 4
    assert len(said) == 80
    assert store.people() == dict.fromkeys(said, 1)
    store.audit.verify()
    assert sum(entry["action"] == "enrol" for entry in store.audit.entries()) == 80


@pytest.mark.parametrize("kind", ["*.lance", "*.manifest"])
def test_a_damaged_table_is_told_in_one_line(store: Store, people: Make, kind: str) -> None:
    store.add(people(3))
    for path in (store.folder / "vectors").rglob(kind):
        if path.is_file():
            os.truncate(path, 10)
    with pytest.raises(GalleryError, match="take it from a copy") as raised:
        Store(store.folder).people()
    assert ".rs" not in str(raised.value)
    assert "\n" not in str(raised.value)
