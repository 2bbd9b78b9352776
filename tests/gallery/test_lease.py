"""The right to write to a gallery in an object store: who has it, who lost it, and what that prevents."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery import lease as lease_module
from meshgait_cli.gallery import objects as objects_module
from meshgait_cli.gallery.bucket import Bucket
from meshgait_cli.gallery.holding import Holding
from meshgait_cli.gallery.lease import Lease
from meshgait_cli.gallery.objects import NEW, Changed, Objects
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store

Make = Callable[..., list[GallerySequence]]


@pytest.fixture
def objects(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Objects:
    monkeypatch.setattr(lease_module, "LIFE_S", 1.0)
    return Objects(f"s3://{s3.bucket}/people")


def test_a_put_on_condition_is_refused_when_it_does_not_hold(objects: Objects) -> None:
    first = objects.put("x", b"1", NEW)
    for only in (NEW, '"another"'):
        with pytest.raises(Changed):
            objects.put("x", b"2", only)
    objects.put("x", b"3", first.e_tag)
    with pytest.raises(Changed):
        objects.put("x", b"4", first.e_tag)
    with pytest.raises(Changed):
        objects.put("not there", b"1", first.e_tag)
    assert objects.get("x")[0] == b"3"
    assert objects.put("x", b"3", NEW).e_tag == objects.get("x")[1]  # as if the first answer had been lost


@pytest.mark.parametrize("status", [409, 412])
def test_two_puts_at_once_are_a_change(s3: Any, objects: Objects, status: int) -> None:
    """S3 answers 409 when two conditional puts come in the same moment."""
    first = objects.put("x", b"1", NEW)
    s3.gate = lambda method, path: status if method == "PUT" else None
    for only in (NEW, first.e_tag):
        with pytest.raises(Changed):
            objects.put("x", b"2", only)


def test_a_copy_of_what_vanishes_is_begun_again(s3: Any, objects: Objects) -> None:
    place = Bucket(objects)
    for name in ("old/a", "old/b"):
        objects.put(name, name.encode())
    listed: list[str] = []

    def gate(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/new/b") and not listed:
            listed.append(path)
            objects.put("old/c", b"instead")
            objects.delete(["old/b"])

    s3.gate = gate
    place.copy("old", "new")
    assert place.below("new").sizes() == {"a": 5, "c": 7}


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_a_copy_is_the_same(objects: Objects, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Within the server, and through this machine where that is too large for the server."""
    monkeypatch.setattr(objects_module, "_COPIED", most)
    content = np.random.default_rng(0).bytes(100_000)
    objects.put("a/x", content)
    objects.copy("a/x", "b/x", len(content))
    assert objects.get("b/x")[0] == content


def test_one_after_the_other(objects: Objects) -> None:
    one, two = Lease(objects, "lock"), Lease(objects, "lock")
    assert not one.acquire()
    with pytest.raises(GalleryError, match="has been writing"):
        two.acquire(patience_s=0.2)
    time.sleep(1.2)  # it is renewed beyond its life
    one.check()
    with pytest.raises(GalleryError, match="has been writing"):
        two.acquire(patience_s=0.2)
    one.release()
    assert not two.acquire()
    two.release()


def test_the_lease_of_somebody_who_died_is_taken_over(objects: Objects) -> None:
    dead, heir = Lease(objects, "lock"), Lease(objects, "lock")
    dead.acquire()
    dead.abandon()
    began = time.monotonic()
    assert heir.acquire()
    assert time.monotonic() - began >= 0.9
    with pytest.raises(GalleryError, match="held up"):
        dead.check()
    with pytest.raises(GalleryError, match="held up"):
        dead.release()
    heir.check()
    heir.release()


def test_whoever_waits_keeps_to_the_longer_life(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "LIFE_S", 60.0)
    slow = Lease(objects, "lock")
    slow.acquire()
    slow.abandon()
    monkeypatch.setattr(lease_module, "LIFE_S", 0.01)
    with pytest.raises(GalleryError):
        Lease(objects, "lock").acquire(patience_s=0.3)


def test_what_is_no_lease_is_waited_for_too(objects: Objects) -> None:
    objects.put("lock", b"{")
    lease = Lease(objects, "lock")
    assert lease.acquire()
    lease.release()


def test_a_holder_whom_the_server_does_not_answer_stops_writing(s3: Any, objects: Objects) -> None:
    lease = Lease(objects, "lock")
    lease.acquire()
    s3.gate = lambda method, path: 503 if method == "PUT" else None
    time.sleep(0.8)
    with pytest.raises(GalleryError, match="held up"):
        lease.check()
    s3.gate = None
    lease.release()  # nobody has taken it, so all is well


def test_threads_take_turns(objects: Objects) -> None:
    inside, most = [0], [0]

    def work() -> None:
        lease = Lease(objects, "lock")
        lease.acquire()
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1
        lease.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


@pytest.fixture
def longer(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "LIFE_S", 2.0)  # enough to load the database on a busy machine


class HeldUp:
    """A change in a thread of its own that stops before its first PUT to a path with these letters, and is
    taken for dead by all others."""

    def __init__(self, s3: Any, store: Store, path: str, change: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self.reached, self.go_on, first = threading.Event(), threading.Event(), threading.Lock()

        def gate(method: str, asked: str) -> None:
            if (
                method == "PUT"
                and f"/{s3.bucket}/" in asked
                and path in asked
                and first.acquire(blocking=False)
            ):
                self.reached.set()
                self.go_on.wait(20)

        def run() -> None:
            try:
                change()
            except BaseException as error:
                self.error = error

        s3.gate = gate
        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert self.reached.wait(20)
        store.place._held.lease._ended.set()  # type: ignore[attr-defined]

    def ended(self) -> BaseException | None:
        self.go_on.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.error


@pytest.mark.slow
@pytest.mark.usefixtures("longer")
@pytest.mark.parametrize("path", ["/_versions/", "/data/"])
@pytest.mark.parametrize("action", ["enrol", "remove"])
def test_a_writer_that_wakes_up_late_changes_nothing(
    s3: Any, objects: Objects, people: Make, path: str, action: str
) -> None:
    store, late = Store.create(objects.address), Store(objects.address)
    given = people(4)
    store.add(given)
    lost = people(2, seed=9, prefix="lost")
    change = {"enrol": lambda: late.add(lost), "remove": lambda: late.remove("p3")}[action]
    sleeper = HeldUp(s3, late, path, change)
    assert store.remove("p0") == 2  # after waiting for the other's end
    ids = store.add(people(1, seed=3, prefix="new"))
    assert "held up" in str(sleeper.ended())
    for one in (*lost, *given[:2]):  # what it wrote late it has taken away again
        assert s3.places(one.embedding.values.astype(np.float16).tobytes()[:48]) == []
    expected = {"new0": 2, "p1": 2, "p2": 2} | ({} if action == "remove" and path == "/data/" else {"p3": 2})
    now = Store(objects.address)
    assert now.people() == expected
    assert store.people() == expected  # also for whoever had it open
    assert {one.identity for one in now.sequences()} == set(expected)  # every row can be read
    assert set(ids) <= {one.id for one in now.sequences()}
    now.remove("p1")
    for one in (*lost, *given[:4]):
        assert s3.places(one.embedding.values.astype(np.float16).tobytes()[:48]) == []
    now.audit.verify()


@pytest.mark.slow
@pytest.mark.usefixtures("longer")
def test_the_fence_is_what_prevents_it(s3: Any, objects: Objects, people: Make, monkeypatch) -> None:
    """Without it what a late commit rewrote brings the erased back."""
    monkeypatch.setattr(Holding, "_fence", lambda self: None)
    store, late = Store.create(objects.address), Store(objects.address)
    store.add(people(4))
    sleeper = HeldUp(s3, late, "/data/", lambda: late.remove("p3"))
    store.remove("p0")
    assert sleeper.ended() is not None
    assert "p0" in Store(objects.address).people()
