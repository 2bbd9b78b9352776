"""A candidate's silhouettes are found where the gallery's folder holds them, and nowhere else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence
from meshgait_cli.report.candidates import silhouettes_of


def _sequence(identity, name, **more):
    return GallerySequence(
        identity, name, GaitEmbedding(np.ones((16, 8), np.float32), "net@1", True, 9), **more
    )


@pytest.fixture
def found():
    return SimpleNamespace(store=None)


def test_files_results_and_hidden_results(tmp_path, found, walks, make_result):
    folder = tmp_path / "people"
    (folder / "ben two").mkdir(parents=True)
    np.savez(folder / "anna.npz", silhouettes=walks[0])
    np.savez(folder / "ben two" / "a walk.npz", silhouettes=walks[1])
    result = make_result(walks[2:4])
    result.folder.rename(folder / "cleo")
    hidden = folder / ".meshgait" / "results" / "dan"
    hidden.mkdir(parents=True)
    make_result(walks[4:6]).folder.rename(hidden / "dan")
    (folder / "dan.mp4").write_bytes(b"video")
    names = {
        "anna": ("anna.npz", walks[0]),
        "ben two": ("ben two/a walk.npz a walk", walks[1]),
        "cleo": ("cleo track 1", walks[2][5:]),
        "dan": ("dan.mp4 track 1", walks[4][5:]),
    }
    for identity, (name, expected) in names.items():
        shown = silhouettes_of(found, _sequence(identity, name), folder)
        np.testing.assert_array_equal(shown.silhouettes, expected)


@pytest.mark.parametrize("name", ["gone.npz", "../secret.npz", "broken.npz", ""])
def test_what_is_gone_broken_or_outside_is_left_out(tmp_path, found, walks, name):
    folder = tmp_path / "people"
    folder.mkdir()
    np.savez(tmp_path / "secret.npz", silhouettes=walks[0])
    (folder / "broken.npz").write_bytes(b"no archive")
    assert silhouettes_of(found, _sequence("x", name), folder) is None
    assert silhouettes_of(found, _sequence("x", name), None) is None


def test_a_store_gives_what_it_kept(tmp_path, walks):
    store = Store.create(tmp_path / "gallery")
    kept = SilhouetteSequence.from_arrays(walks[0])
    first, second = store.add([_sequence("a", "1", silhouettes=kept), _sequence("b", "2")])
    found = SimpleNamespace(store=store)
    np.testing.assert_array_equal(
        silhouettes_of(found, _sequence("a", "1", id=first), None).silhouettes, walks[0]
    )
    assert silhouettes_of(found, _sequence("b", "2", id=second), None) is None
