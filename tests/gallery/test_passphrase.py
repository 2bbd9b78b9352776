"""Another passphrase: what lies sealed stays as it is, only the way to its key changes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshgait_cli.errors import GalleryError, SourceNotFound, UsageError
from meshgait_cli.gallery import seal as seal_module
from meshgait_cli.gallery.passphrase import change_passphrase
from meshgait_cli.gallery.seal import PASSPHRASE
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.settings import SETTINGS
from meshgait_cli.gallery.store import Store

Make = Callable[..., list[GallerySequence]]
OLD, NEW = "correct horse battery", "tidy stapler überall"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal_module, "_SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})
    monkeypatch.delenv(PASSPHRASE, raising=False)


@pytest.fixture
def store(tmp_path: Path, people: Make) -> Store:
    store = Store.create(tmp_path / "gallery", OLD)
    store.add(people(3))
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_new_one_opens_it_and_the_old_one_no_more(store: Store) -> None:
    before, people = contents(store.folder), store.people()
    change_passphrase(store.folder, OLD, lambda: NEW)
    with pytest.raises(GalleryError, match="wrong passphrase"):
        Store(store.folder, OLD)
    again = Store(store.folder, NEW)
    assert again.people() == people
    again.audit.verify()
    assert again.audit.entries()[-1]["action"] == "passphrase"
    now = contents(store.folder)
    changed = {name for name in before | now if before.get(name) != now.get(name)}
    assert changed - {".lock", ".audit.lock"} == {SETTINGS, "audit.jsonl"}
    assert stat.S_IMODE((store.folder / SETTINGS).stat().st_mode) == 0o600
    assert not any(word.encode() in content for word in (OLD, NEW) for content in now.values())
    salts = {json.loads(each[SETTINGS])["seal"]["kdf"]["salt"] for each in (before, now)}
    assert len(salts) == 2


def test_whoever_has_it_open_goes_on(store: Store, people: Make) -> None:
    """The key is the same; an enrolment that began before does not bring the old passphrase back."""
    empty = Store.create(store.folder.with_name("empty"), OLD)
    change_passphrase(empty.folder, OLD, lambda: NEW)
    empty.add(people(1))  # the first writes the settings, too
    assert Store(empty.folder, NEW).people() == {"p0": 2}


def test_an_old_copy_of_the_settings_opens_by_the_old_one(store: Store) -> None:
    """As the documentation says: the passphrase is no new key."""
    copy = (store.folder / SETTINGS).read_bytes()
    change_passphrase(store.folder, OLD, lambda: NEW)
    (store.folder / SETTINGS).write_bytes(copy)
    assert len(Store(store.folder, OLD).people()) == 3


def test_what_cannot_be_done_is_said_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    plain = Store.create(tmp_path / "plain")
    before = (store.folder / SETTINGS).read_bytes()

    def never() -> str:
        raise AssertionError("nobody is to be asked")

    for folder, old, new, error, text in (
        (store.folder, "another one", never, GalleryError, "wrong passphrase"),
        (store.folder, None, never, UsageError, PASSPHRASE),
        (plain.folder, OLD, never, UsageError, "not encrypted"),
        (tmp_path / "nowhere", OLD, never, SourceNotFound, "no gallery"),
        (store.folder, OLD, lambda: "", UsageError, "8 characters"),
        (store.folder, OLD, lambda: "seven77", UsageError, "8 characters"),
        (store.folder, OLD, lambda: OLD, UsageError, "the old one"),
    ):
        with pytest.raises(error, match=text):
            change_passphrase(folder, old, new)
    assert (store.folder / SETTINGS).read_bytes() == before
    assert [entry["action"] for entry in store.audit.entries()] == ["create", "enrol"]


def test_of_two_who_change_it_at_once_one_is_told(store: Store) -> None:
    def another_is_faster() -> str:
        change_passphrase(store.folder, OLD, lambda: NEW)
        return "a third passphrase"

    with pytest.raises(GalleryError, match="wrong passphrase"):
        change_passphrase(store.folder, OLD, another_is_faster)
    assert len(Store(store.folder, NEW).people()) == 3


def test_a_failure_before_it_is_in_place_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            change_passphrase(store.folder, OLD, lambda: NEW)
    assert len(Store(store.folder, OLD).people()) == 3
    assert not list(store.folder.glob("*.tmp")) + list(store.folder.glob(".*.tmp"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no fork")
def test_killed_at_any_moment_one_of_the_two_opens_it(store: Store) -> None:
    """Both before and after the kill; what was half written goes with the next change."""
    words = [OLD, NEW]
    fork = multiprocessing.get_context("fork")
    seen = set()
    for number in range(60):
        process = fork.Process(target=_to_and_fro, args=(store.folder, *words))
        process.start()
        time.sleep(0.01 + 0.002 * (number % 20))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        opens = [word for word in (OLD, NEW) if _opens(store.folder, word)]
        assert len(opens) == 1
        seen.add(opens[0])
        words = [*opens, *({OLD, NEW} - set(opens))]
    assert seen == {OLD, NEW}
    change_passphrase(store.folder, words[0], lambda: words[1])
    assert not list(store.folder.glob(f".{SETTINGS}*"))
    again = Store(store.folder, words[1])
    again.audit.verify()
    assert len(again.people()) == 3


def _to_and_fro(folder: Path, old: str, new: str) -> None:
    while True:
        change_passphrase(folder, old, lambda word=new: word)
        old, new = new, old


def _opens(folder: Path, word: str) -> bool:
    try:
        Store(folder, word)
    except GalleryError:
        return False
    return True
