"""Processes that are killed in the middle of their writes: nothing that they have acknowledged is lost, and
what they were about to do is there whole or not at all."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshgait_cli.gallery import lease as lease_module
from meshgait_cli.gallery import seal as seal_module
from meshgait_cli.gallery.seal import PASSPHRASE
from meshgait_cli.gallery.settings import Settings
from meshgait_cli.gallery.store import Store

WORKER = Path(__file__).with_name("crash_worker.py")
WORDS = "correct horse battery"
State = dict[str, frozenset[str]]  # names, and how the vectors of each begin, in hexadecimal digits

pytestmark = pytest.mark.slow


LEASE_S = 1.5
HELD_UP = "held up for too long"  # what a worker says whom a busy machine kept from renewing its lease


@pytest.fixture(params=["open", "encrypted", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(seal_module, "_SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})
    monkeypatch.delenv(PASSPHRASE, raising=False)
    if request.param == "bucket":
        s3 = request.getfixturevalue("s3")
        monkeypatch.setenv("LEASE_S", str(LEASE_S))
        monkeypatch.setattr(lease_module, "LIFE_S", LEASE_S)
        return Store.create(f"s3://{s3.bucket}/gallery")
    return Store.create(tmp_path / "gallery", WORDS if request.param == "encrypted" else None)


class Worker:
    """A process that changes the gallery, and what it said."""

    def __init__(self, store: Store, seed: int) -> None:
        arguments = [store.place.address, str(seed), *([WORDS] if store.encrypted else [])]
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # or a part of what it says would be lost between readline and communicate
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert b"ready" in ready, self.process.communicate()[1].decode()

    def killed(self) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """What it has acknowledged, and what it was doing when it was killed (or gave up, held up)."""
        gave_up = self.process.poll() is not None
        self.process.kill()
        said, error = self.process.communicate()
        assert not gave_up or HELD_UP in error.decode(), error.decode()
        told = [json.loads(line) for line in said.splitlines()]
        done, pending = [], None
        for line in told:
            if line["what"] == "begin":
                pending = line
            elif line["what"] == "done" and pending is not None:
                done.append(pending)
                pending = None
        return done, pending


Start = Callable[[Store, int], Worker]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers; none of them outlives the test, whatever becomes of it."""
    started: list[Worker] = []

    def new(store: Store, seed: int) -> Worker:
        started.append(Worker(store, seed))
        return started[-1]

    yield new
    for worker in started:
        worker.process.kill()
        worker.process.communicate()


def after(state: State, change: dict[str, Any]) -> State:
    """What the gallery holds when the change was made."""
    found, who = dict(state), change["who"]
    if change["action"] == "enrol":
        found[who[0]] = frozenset(change["vectors"])
    elif change["action"] == "remove":
        del found[who[0]]
    elif change["action"] == "rename":
        found[who[1]] = found.pop(who[0])
    else:
        found[who[0]] = found[who[0]].union(*(found.pop(name) for name in who[1:]))
    return found


def held_by(store: Store) -> State:
    """What a process that opens the gallery now finds in it."""
    found: dict[str, set[str]] = {}
    for one in Store(store.place.address, WORDS).sequences():
        vector = one.embedding.values.astype(np.float16).tobytes()[:16].hex()
        found.setdefault(one.identity, set()).add(vector)
    return {name: frozenset(vectors) for name, vectors in found.items()}


def vectors_of(state: State) -> set[str]:
    return set().union(*state.values())


def lying_about(store: Store, vectors: set[str]) -> set[str]:
    """Which of the vectors are to be found in any file."""
    everything = b"\0".join(store.place.read(name) for name in store.place.sizes())
    return {vector for vector in vectors if bytes.fromhex(vector) in everything}


def names_in_any_version(store: Store) -> set[str]:
    """Of an open gallery, whatever state of its table can be had. (The bytes of names cannot be
    searched for: the database compresses words where there are many.)"""
    import lancedb

    place = store.place.below(Settings(store.place).vectors)
    table = lancedb.connect(place.uri, storage_options=place.options).open_table("sequences")
    found: set[str] = set()
    for version in table.list_versions():
        table.checkout(version["version"])
        found.update(table.search().select(["identity"]).to_arrow()["identity"].to_pylist())
    return found


def test_a_killed_process_loses_nothing_acknowledged(store: Store, start: Start) -> None:
    rounds, chance = (
        (10, random.Random(6)) if store.encrypted or store.place.remote else (30, random.Random(5))
    )
    wait = LEASE_S + 1 if store.place.remote else 0.0  # until the lease of the killed may be taken over
    state: State = {}
    ever: set[str] = set()  # vectors that were enrolled at any time
    loose: set[str] = set()
    acknowledged: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    for number in range(rounds):
        worker = start(store, 1000 + number)
        time.sleep((wait if number else 0) + chance.uniform(0.02, 1.2))
        done, pending = worker.killed()
        for change in done:
            state = after(state, change)
            ever |= vectors_of(state)
            acknowledged[change["action"]] += 1
        before, held = state, held_by(store)
        if pending is not None:
            made = after(state, pending)
            ever |= vectors_of(made)
            assert held in (state, made), pending
            cut[f"{pending['action']} {'made' if held == made else 'not made'}"] += 1
            state = held
        assert held == state
        store.audit.verify()
        # What is gone is gone from the disk as soon as that was acknowledged. What a killed process was about
        # to enrol or to erase may lie there, loose, until the next erasure.
        if any(change["action"] != "enrol" for change in done):
            loose = set()
        loose |= vectors_of(before) - vectors_of(held)
        loose |= set(pending["vectors"]) if pending and pending["action"] == "enrol" else set()
        if not store.encrypted:
            lying = lying_about(store, ever)
            assert lying >= vectors_of(held)  # such a search does find what is there
            assert lying - loose <= vectors_of(held)
        else:
            assert lying_about(store, ever) == set()
    store.remove(next(iter(state)))
    now = held_by(store)
    assert set(now) == set(list(state)[1:])
    if not store.encrypted:
        assert lying_about(store, ever) == vectors_of(now)
        assert names_in_any_version(store) == set(now)
    print(f"\n{rounds} kills; acknowledged {dict(acknowledged)}; cut short {dict(cut)}")
    assert sum(acknowledged.values()) >= rounds


def test_several_processes_go_on_when_some_are_killed(store: Store, start: Start) -> None:
    """Three at once, each with people of its own; two are killed and replaced, again and again."""
    chance = random.Random(7)
    state: State = {}
    acknowledged = 0
    seeds = iter(range(1, 1000))
    workers = [start(store, next(seeds)) for _ in range(3)]
    open_ends: list[dict[str, Any]] = []

    def ended(worker: Worker) -> None:
        nonlocal state, acknowledged
        done, pending = worker.killed()
        for change in done:
            state = after(state, change)
        acknowledged += len(done)
        open_ends.extend([pending] if pending else [])

    wait = 1.3 * LEASE_S if store.place.remote else 0.0
    for _ in range(6):
        time.sleep(wait + chance.uniform(0.3, 1.0))
        ended(workers.pop(0))
        workers.append(start(store, next(seeds)))
    for worker in workers:
        ended(worker)
    held = held_by(store)
    for pending in open_ends:  # each is of people whom no other process touches
        if any(held.get(name) != state.get(name) for name in pending["who"]):
            state = after(state, pending)
    assert held == state
    store.audit.verify()
    print(f"\n9 kills of 3 at once; {acknowledged} writes acknowledged, {len(open_ends)} cut short")
    assert acknowledged >= 9
