"""The search index of a large gallery, on a small one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.gallery import table as table_module
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store

Make = Callable[..., list[GallerySequence]]


@pytest.fixture
def store(tmp_path: Path, people: Make, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(table_module, "INDEX_VECTORS_FROM", 1000)
    made = Store.create(tmp_path / "gallery")
    made.add(people(500, each=3))
    return made


def test_it_is_built_once_and_finds_the_nearest(store: Store, people: Make) -> None:
    announced: list[int] = []
    assert store.stats()["search"] == "exact"
    assert store.tune(announced.append)
    assert announced == [1500]
    assert Store(store.folder).stats()["search"] == "by an index"
    assert not store.tune(announced.append)
    queries = np.stack([one.embedding.values for one in people(500, each=1, seed=0)])[:40]
    exact, found = store.nearest(queries, 3, exact=True), store.nearest(queries, 3)
    pairs = [(names(mine), names(theirs)) for mine, theirs in zip(found, exact, strict=True)]
    assert sum(mine[0] == theirs[0] for mine, theirs in pairs) >= 39  # it begins at random, and may miss one
    assert np.mean([a == b for mine, theirs in pairs for a, b in zip(mine, theirs, strict=True)]) > 0.95
    nearest = [(mine[0], theirs[0]) for mine, theirs in zip(found, exact, strict=True)]
    assert all(m[0] == pytest.approx(t[0], abs=1e-5) for m, t in nearest if m[1] == t[1])


def names(found: list[tuple[float, str, str]]) -> list[str]:
    return [identity for _, _, identity in found]


def test_those_who_came_later_are_found_too(store: Store, people: Make) -> None:
    store.tune()
    later = people(20, each=1, seed=8, prefix="late")
    store.add(later)
    assert not store.tune()  # too few to be worth it
    for one in later:
        assert store.nearest(one.embedding.values[None], 1)[0][0][2] == one.identity
    more = people(200, each=1, seed=9, prefix="more")
    store.add(more)
    assert store.tune()
    assert not store.tune()
    for one in (*later, *more[::20]):
        assert store.nearest(one.embedding.values[None], 1)[0][0][2] == one.identity


def test_an_erasure_takes_it_from_the_disk(store: Store, people: Make) -> None:
    """Its codes of the vectors are personal data like them."""
    before = indices(store)
    store.tune()
    assert len(indices(store)) > len(before)
    gone = store.sequences(["p7"])[0]
    store.remove("p7")
    assert len(indices(store)) == len(before) == 1  # that of names
    assert Store(store.folder).stats()["search"] == "exact"
    (found,) = store.nearest(gone.embedding.values[None], 1)
    assert found[0][2] != "p7"
    assert store.tune()
    assert store.nearest(gone.embedding.values[None], 1)[0][0][2] == found[0][2]


def indices(store: Store) -> list[Path]:
    return [path for path in store.folder.rglob("_indices/*") if path.is_dir() and any(path.iterdir())]


def test_an_encrypted_gallery_has_none(tmp_path: Path, people: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "INDEX_VECTORS_FROM", 10)
    store = Store.create(tmp_path / "gallery", "correct horse battery")
    store.add(people(20))
    assert not store.tune()
    assert not list(store.folder.rglob("_indices/*"))
