from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError, SourceNotFound
from meshgait_cli.gallery.folder import HIDDEN, index_folder
from meshgait_cli.pipeline import Extractor
from meshgait_cli.results.embeddings import EmbeddingSet, LabelledEmbedding
from meshgait_cli.shipped import folder as shipped


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(device="cpu")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """anna (one file), ben (two files in a folder), and a note that is nobody."""
    walkers = sorted((shipped("examples") / "walkers").glob("*.npz"))
    shutil.copy(walkers[0], tmp_path / "anna.npz")
    (tmp_path / "ben").mkdir()
    shutil.copy(walkers[1], tmp_path / "ben" / "monday.npz")
    shutil.copy(walkers[2], tmp_path / "ben" / "tuesday.npz")
    (tmp_path / "README.txt").write_text("consent forms: see the office")
    return tmp_path


def test_files_and_folders_are_people(people: Path, extractor: Extractor) -> None:
    indexed = index_folder(people, extractor)
    assert indexed.gallery.identities == ["anna", "ben"]
    assert (indexed.processed, indexed.reused, indexed.notes) == (3, 0, ())
    anna = next(s for s in indexed.gallery.sequences if s.identity == "anna")
    best = indexed.gallery.rank(anna.embedding)[0]
    assert best.identity == "anna"
    assert best.distance == pytest.approx(0, abs=1e-3)  # by products of float32


def test_only_what_is_new_or_changed_is_read_again(people: Path, extractor: Extractor) -> None:
    index_folder(people, extractor)
    assert index_folder(people, extractor).processed == 0
    shutil.copy(people / "ben" / "tuesday.npz", people / "cleo.npz")
    shutil.copy(people / "ben" / "tuesday.npz", people / "anna.npz")
    again = index_folder(people, extractor)
    assert (again.processed, again.reused) == (2, 2)
    first = index_folder(people, extractor).gallery
    assert first.identities == ["anna", "ben", "cleo"]


def test_whoever_is_taken_out_is_forgotten(people: Path, extractor: Extractor) -> None:
    index_folder(people, extractor)
    (people / "anna.npz").unlink()
    assert index_folder(people, extractor).gallery.identities == ["ben"]
    assert b"anna" not in b"".join(path.read_bytes() for path in (people / HIDDEN).iterdir())


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 99}'])
def test_a_damaged_index_is_made_anew(people: Path, extractor: Extractor, damage: str) -> None:
    index_folder(people, extractor)
    (people / HIDDEN / "index.json").write_text(damage)
    assert index_folder(people, extractor).processed == 3


def test_a_torn_index_is_made_anew(people: Path, extractor: Extractor) -> None:
    """Killed between its two files: the embeddings are new, the list is old."""
    index_folder(people, extractor)
    old = (people / HIDDEN / "index.json").read_text()
    (people / "anna.npz").unlink()
    index_folder(people, extractor)
    (people / HIDDEN / "index.json").write_text(old)
    assert index_folder(people, extractor).gallery.identities == ["ben"]


def test_one_bad_file_is_left_out_and_named(people: Path, extractor: Extractor) -> None:
    (people / "dora.npz").write_bytes(b"no arrays")
    indexed = index_folder(people, extractor)
    assert indexed.gallery.identities == ["anna", "ben"]
    assert "dora.npz is left out" in indexed.notes[0]
    assert index_folder(people, extractor).processed == 0  # and not tried again


def test_files_of_embeddings_name_their_people(people: Path, extractor: Extractor) -> None:
    embeddings = {s.identity: s.embedding for s in index_folder(people, extractor).gallery.sequences}
    items = tuple(LabelledEmbedding(f"{name}-2", value) for name, value in embeddings.items())
    EmbeddingSet(items, extractor.embedder.model_id, True).write(people / "more.parquet")
    assert index_folder(people, extractor).gallery.identities == ["anna", "anna-2", "ben", "ben-2"]


def test_embeddings_of_another_model_are_refused_in_words(people: Path, extractor: Extractor) -> None:
    from meshgait_cli.records import GaitEmbedding

    other = GaitEmbedding(np.zeros((16, 4), np.float32), "other@1", True, 9)
    EmbeddingSet((LabelledEmbedding("eve", other),), "other@1", True).write(people / "eve.safetensors")
    with pytest.raises(GalleryError, match="other@1"):
        index_folder(people, extractor)


def test_nobody_and_nowhere(tmp_path: Path, extractor: Extractor) -> None:
    with pytest.raises(GalleryError, match="empty"):
        index_folder(tmp_path, extractor)
    with pytest.raises(SourceNotFound):
        index_folder(tmp_path / "nowhere", extractor)
    np.savez(tmp_path / "ghost.npz", silhouettes=np.zeros((9, 64, 64), np.uint8))
    with pytest.raises(GalleryError, match="nobody"):
        index_folder(tmp_path, extractor)
