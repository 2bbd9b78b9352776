"""A gallery in an object store, against a real S3 server on this machine."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError, SourceNotFound, UsageError
from meshgait_cli.gallery import bucket as bucket_module
from meshgait_cli.gallery import seal as seal_module
from meshgait_cli.gallery import store as store_module
from meshgait_cli.gallery import table as table_module
from meshgait_cli.gallery.audit import Audit
from meshgait_cli.gallery.calibration import Calibration
from meshgait_cli.gallery.exchange import export, import_into
from meshgait_cli.gallery.identify import calibrate
from meshgait_cli.gallery.passphrase import change_passphrase
from meshgait_cli.gallery.place import address_of, place_at
from meshgait_cli.gallery.private import workplace
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import SilhouetteSequence

Make = Callable[..., list[GallerySequence]]


@pytest.fixture
def address(s3: Any) -> str:
    return f"s3://{s3.bucket}/known/people"


@pytest.fixture
def store(address: str) -> Store:
    return Store.create(address)


def halves(sequence: GallerySequence) -> bytes:
    return sequence.embedding.values.astype(np.float16).tobytes()[:48]


def with_frames(sequence: GallerySequence, value: int = 7) -> GallerySequence:
    frames = np.full((12, 64, 64), value, np.uint8)
    return replace(sequence, silhouettes=SilhouetteSequence.from_arrays(frames))


def test_what_is_enrolled_comes_back(store: Store, address: str, people: Make) -> None:
    assert (len(store), store.people(), store.describe()) == (0, {}, [])
    given = [with_frames(each) for each in people(3)]
    ids = store.add(given)
    other = Store(Path(address))  # an address that has passed for a path is one all the same
    assert other.place.address == address
    assert other.people() == {"p0": 2, "p1": 2, "p2": 2}
    assert other.add(given) == []
    found = other.silhouettes(ids[0])
    assert found is not None
    assert found.silhouettes.shape == (12, 64, 64)
    assert [row["silhouettes"] for row in other.describe("p1")] == [True, True]
    query = given[2].embedding.values
    assert other.nearest(query[None], 1)[0][0][1:] == (ids[2], "p1")
    assert other.nearest(query[None], 1)[0][0][0] == pytest.approx(0, abs=0.01)
    assert (other.rename("p0", "ada"), other.merge("ada", ["p2"])) == (2, 2)
    assert store.people() == {"ada": 4, "p1": 2}
    stats = store.stats()
    assert (stats["gallery"], stats["people"], stats["sequences"]) == (address, 2, 6)
    assert stats["bytes"] > 6 * 2 * 16 * 8


def test_a_removed_person_is_in_no_object(s3: Any, store: Store, people: Make) -> None:
    secret = replace(people(1, seed=77)[0], identity="Zebediah-Quux", name="zq-friday.mp4", video="/zq-home")
    store.add(people(600))
    store.add([with_frames(secret)])
    for number in range(3):
        store.add(people(1, seed=100 + number, prefix=f"late{number}-"))
    (sequence,) = store.sequences(["Zebediah-Quux"])
    assert s3.places(halves(secret))  # the search can find it
    assert s3.places(b"Zebediah-Quux")
    assert s3.places(sequence.id.encode())
    assert store.remove("Zebediah-Quux") == 1
    for needle in (halves(secret), b"Zebediah", b"zq-friday", b"/zq-home", secret.source.encode() + b"\0"):
        assert s3.places(needle) == []
    assert s3.places(sequence.id.encode()) == []
    assert len(store) == 1206
    assert not [name for name in s3.objects() if name.endswith("erasing")]


def test_an_erasure_that_was_killed_is_finished_by_the_next_write(
    s3: Any, store: Store, people: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = people(3)
    store.add(given)

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module.Table, "scrub", dies)
    with pytest.raises(KeyboardInterrupt):
        store.remove("p0")
    monkeypatch.undo()
    for name, value in {"ENDPOINT_URL": s3.url, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    assert s3.places(halves(given[0]))  # it lies there yet
    other = Store(store.place.address)
    other.add(people(1, seed=5, prefix="q"))
    assert s3.places(halves(given[0])) == []
    assert other.people() == {"p1": 2, "p2": 2, "q0": 2}


def test_an_encrypted_gallery_shows_nothing(
    s3: Any, address: str, people: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_module, "_SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})
    words = "correct horse battery"
    one = with_frames(replace(people(1)[0], identity="Zebediah", video="/zq-home"))
    (key,) = Store.create(address, words).add([one])
    assert [s3.places(each) for each in (halves(one), b"Zebediah", b"zq-home", b'"enrol"')] == [[]] * 4
    with pytest.raises(GalleryError, match=f"wrong passphrase for the gallery {address}"):
        Store(address, "wrong horse")
    with pytest.raises(UsageError, match="is encrypted"):
        Store(address)
    store = Store(address, words)
    assert store.people() == {"Zebediah": 1}
    assert store.silhouettes(key) is not None
    assert not str(store.work).startswith("s3")
    change_passphrase(address, words, lambda: "another battery")
    with pytest.raises(GalleryError, match="wrong passphrase"):
        Store(address, words)
    store = Store(address, "another battery")
    store.remove("Zebediah")
    assert s3.places(key.encode()) == []
    store.audit.verify()


def test_the_log_is_one_chain_over_all_its_objects(
    s3: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_SEGMENT", 4)
    audit = Audit(store.place)
    for number in range(9):
        Audit(store.place.address).note("search", [f"p{number}"], walkers=number)
    audit.note("enrol", [f"q{number}" for number in range(3000)])
    audit.verify()
    assert len(audit.entries()) == 13
    assert [entry["walkers"] for entry in audit.entries("p7")] == [7]
    names = [name for name in s3.objects() if "/audit/" in name]
    assert [name[-14:] for name in names] == [f"{n:08d}.jsonl" for n in (1, 2, 3)]
    assert s3.places(b"p7") == []
    objects = place_at(store.place.address)._objects  # type: ignore[attr-defined]
    content = objects.get("audit/00000002.jsonl")[0]
    objects.put("audit/00000002.jsonl", content.replace(b'"walkers": 5', b'"walkers": 6'))
    with pytest.raises(GalleryError, match="tampered"):
        audit.verify()
    objects.delete(["audit/00000002.jsonl"])
    with pytest.raises(GalleryError, match="tampered"):
        audit.verify()


def test_many_may_append_to_the_log_at_once(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def note(number: int) -> None:
        Audit(store.place.address).note("search", walkers=number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(note, range(24)))
    store.audit.verify()
    assert sorted(entry.get("walkers", -1) for entry in store.audit.entries()) == [-1, *range(24)]


def test_a_calibration_is_kept_there(store: Store, people: Make) -> None:
    store.add(people(12, each=3))
    assert Calibration.read(store.place) is None
    made = calibrate(store)
    assert made.people == 12
    assert Calibration.read(store.place.address) == made


def test_galleries_go_from_a_folder_to_a_bucket_and_back(store: Store, people: Make, tmp_path: Path) -> None:
    local = Store.create(tmp_path / "local")
    local.add([with_frames(each) for each in people(2)])
    assert len(import_into(store, local.folder)) == 4
    assert export(store, tmp_path / "out", "p1") == 2
    assert len(list((tmp_path / "out" / "silhouettes").iterdir())) == 2
    back = Store.create(tmp_path / "back")
    assert len(import_into(back, Path(store.place.address))) == 4
    assert repr(back.describe()) == repr(local.describe())
    with pytest.raises(UsageError, match="folder on a disk"):
        export(store, Path(f"{store.place.address}-out"))
    with pytest.raises(UsageError, match="no folder"):
        _ = store.folder


def test_the_index_is_built_there_and_goes_with_an_erasure(
    store: Store, people: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(table_module, "INDEX_VECTORS_FROM", 600)
    store.add(people(300))
    assert store.tune()
    assert store.stats()["search"] == "by an index"
    one = people(300, seed=0)[50]
    assert store.nearest(one.embedding.values[None], 1)[0][0][2] == one.identity
    store.remove("p7")
    assert store.stats()["search"] == "exact"


def test_two_galleries_share_a_bucket(s3: Any, store: Store, people: Make) -> None:
    other = Store.create(f"s3://{s3.bucket}/known/people-too")  # a name that begins like the other's
    store.add(people(1))
    assert (len(other), len(store)) == (0, 2)
    with pytest.raises(GalleryError, match="already"):
        Store.create(f"s3://{s3.bucket}/known/people/")
    with pytest.raises(GalleryError, match="holds something already"):
        Store.create(f"s3://{s3.bucket}/known")
    with pytest.raises(GalleryError, match="beside it, not in it"):
        Store.create(f"{store.place.address}/vectors-mine/people")
    with pytest.raises(SourceNotFound, match="gallery create"):
        Store(f"s3://{s3.bucket}/nowhere")


def test_a_whole_bucket_may_be_a_gallery(s3: Any, people: Make) -> None:
    store = Store.create(f"s3://{s3.bucket}")
    store.add([with_frames(each) for each in people(2)])
    store.remove("p0")
    assert (Store(f"s3://{s3.bucket}/").people(), store.place.name) == ({"p1": 2}, s3.bucket)
    assert s3.places(halves(people(2)[0])) == []


def test_a_bucket_that_keeps_old_versions_is_refused(s3: Any, store: Store, people: Make) -> None:
    s3.make(f"{s3.bucket}-v", versioned=True)
    with pytest.raises(GalleryError, match="keeps old versions"):
        Store.create(f"s3://{s3.bucket}-v/people")
    store.add(people(3))
    s3.make(s3.bucket, versioned=True)  # switched on afterwards
    with pytest.raises(GalleryError, match="nothing is enrolled"):
        store.add(people(1, seed=3, prefix="new"))
    with pytest.raises(GalleryError, match="delete the bucket's old versions"):
        store.remove("p0")
    assert store.people() == {"p1": 2, "p2": 2}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("gs://bucket/people", "gs:// is not supported"),
        ("https://host/people", "https:// is not supported"),
        ("s3://", "no address"),
        ("s3://bucket/../people", "no address"),
        ("s3://bucket//people", "no address"),
        ("s3://bucket/people?x=1", "no address"),
        ("s3://key:secret@bucket/people", "no credentials in an address"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, said: str) -> None:
    for open_it in (Store, Store.create):
        with pytest.raises(UsageError, match=said) as raised:
            open_it(address)
        assert "secret" not in str(raised.value).lower().replace("secret_access_key", "")


def test_addresses_and_paths_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_of(Path("s3://bucket/a/b")) == "s3://bucket/a/b"
    assert address_of("a/b/") == str(Path("a/b"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "people").mkdir(parents=True)
    assert address_of(Path("s3:/people")) == str(Path("s3:/people"))  # a folder of that name


def test_what_is_needed_for_a_while_lies_in_a_private_folder(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert store.work.parent == tmp_path
    with workplace(store.work) as place:
        (place / "video").write_bytes(b"x")
        assert [stat.S_IMODE(each.stat().st_mode) for each in (store.work, place)] == [0o700, 0o700]
    assert list(tmp_path.iterdir()) == []
    store.work.mkdir()
    store.work.chmod(0o755)  # as somebody else would have it
    with pytest.raises(GalleryError, match="owner only"), workplace(store.work):
        pass


def test_damage_is_said_in_words(s3: Any, store: Store, people: Make) -> None:
    (key,) = store.add([with_frames(people(1)[0])])
    objects = store.place._objects  # type: ignore[attr-defined]
    objects.put(f"silhouettes/{key}.npz", b"PK nonsense")
    with pytest.raises(GalleryError, match=rf"{key}.npz is damaged"):
        store.silhouettes(key)
    objects.put("gallery.json", b"{")
    with pytest.raises(GalleryError, match=r"gallery.json is damaged"):
        Store(store.place.address)
    settings = {"schema": 99, "created": "", "model": None}
    objects.put("gallery.json", json.dumps(settings).encode())
    with pytest.raises(GalleryError, match="version 99"):
        Store(store.place.address)
