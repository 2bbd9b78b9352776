"""A candidate's silhouettes are those that the gallery has kept."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence
from meshgait_cli.report.candidates import silhouettes_of


def _sequence(identity, name, **more):
    return GallerySequence(
        identity, name, GaitEmbedding(np.ones((16, 8), np.float32), "net@1", True, 9), **more
    )


def test_a_store_gives_what_it_kept(tmp_path, walks):
    store = Store.create(tmp_path / "gallery")
    kept = SilhouetteSequence.from_arrays(walks[0])
    first, second = store.add([_sequence("a", "1", silhouettes=kept), _sequence("b", "2")])
    found = SimpleNamespace(store=store)
    np.testing.assert_array_equal(silhouettes_of(found, _sequence("a", "1", id=first)).silhouettes, walks[0])
    assert silhouettes_of(found, _sequence("b", "2", id=second)) is None
    (store.folder / "silhouettes" / f"{first}.npz").write_bytes(b"no archive")
    assert silhouettes_of(found, _sequence("a", "1", id=first)) is None


def test_without_a_store_they_are_in_memory(walks):
    kept = SilhouetteSequence.from_arrays(walks[0])
    found = SimpleNamespace(store=None)
    assert silhouettes_of(found, _sequence("a", "1", silhouettes=kept)) is kept
    assert silhouettes_of(found, _sequence("a", "1")) is None
