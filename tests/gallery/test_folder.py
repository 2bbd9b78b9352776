from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError, SourceNotFound, UsageError, VideoError, WeightsError
from meshgait_cli.gallery import folder as folder_module
from meshgait_cli.gallery import mirror as mirror_module
from meshgait_cli.gallery import sources as sources_module
from meshgait_cli.gallery.exchange import export
from meshgait_cli.gallery.folder import index_folder
from meshgait_cli.gallery.private import for_a_while, locked
from meshgait_cli.gallery.settings import FILES, HIDDEN
from meshgait_cli.gallery.store import Store
from meshgait_cli.gallery.walkers import Walker
from meshgait_cli.pipeline import Extractor, ExtractSettings
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence
from meshgait_cli.results.embeddings import EmbeddingSet, LabelledEmbedding
from meshgait_cli.shipped import folder as shipped


class Embedder:
    """Numbers that depend on the silhouettes, without the seconds that a network takes."""

    model_id, trained = "net@1", True

    def embed(self, sequences: Sequence[SilhouetteSequence]) -> list[GaitEmbedding]:
        seeds = [zlib.crc32(sequence.silhouettes.tobytes()) for sequence in sequences]
        values = [np.random.default_rng(seed).standard_normal((16, 8)).astype(np.float32) for seed in seeds]
        return [GaitEmbedding(one, self.model_id, self.trained, 9) for one in values]


@pytest.fixture
def extractor() -> Extractor:
    made = Extractor(device="cpu")
    made.embedder = Embedder()  # type: ignore[assignment,misc]
    return made


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


def hidden(folder: Path, needle: bytes) -> list[str]:
    """Where in the hidden folder the bytes stand, in content or name."""
    return [
        str(path)
        for path in (folder / HIDDEN).parent.rglob("*")
        if needle in str(path.relative_to(folder)).encode()
        or (path.is_file() and needle in path.read_bytes())
    ]


def halves(values: np.ndarray) -> bytes:
    return values.astype(np.float16).tobytes()


def test_a_walk_by_a_camera_is_named_without_its_password() -> None:
    address = "https://camera.local/clip.mp4?user=anna&password=secret"
    (source,) = sources_module.listed(address, "anna")
    assert (source.address, source.name) == (address, "camera.local-clip.mp4")


def test_files_and_folders_are_people(people: Path) -> None:
    indexed = index_folder(people, Extractor(device="cpu"))
    assert indexed.gallery.identities == ["anna", "ben"]
    assert (indexed.processed, indexed.reused, indexed.notes) == (3, 0, ())
    anna = next(s for s in indexed.gallery.sequences if s.identity == "anna")
    best = indexed.gallery.rank(anna.embedding)[0]
    assert best.identity == "anna"
    assert best.distance == pytest.approx(0, abs=1e-3)  # by products of float32


def test_a_folder_is_a_gallery(people: Path, extractor: Extractor) -> None:
    """With all that an enrolment keeps, for its owner only, and a log."""
    indexed = index_folder(people, extractor)
    store = Store(people)
    assert (store.folder, store.people()) == (people / HIDDEN, {"anna": 1, "ben": 2})
    assert indexed.store is not None
    assert indexed.store.folder == store.folder
    (row,) = store.describe("anna")
    assert (row["name"], row["source"]) == ("anna.npz", _sha256(people / "anna.npz"))
    assert row["model"] == extractor.embedder.model_id
    assert row["frames"] == 9
    kept = store.silhouettes(row["id"])
    assert kept is not None
    with np.load(people / "anna.npz") as arrays:
        np.testing.assert_array_equal(kept.silhouettes, arrays["silhouettes"])
    store.audit.verify()
    assert [entry["action"] for entry in store.audit.entries("anna")] == ["enrol"]
    for path in (store.folder.parent, *store.folder.parent.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_what_is_new_or_changed_is_read_again(people: Path, extractor: Extractor) -> None:
    index_folder(people, extractor)
    assert index_folder(people, extractor).processed == 0
    shutil.copy(people / "ben" / "tuesday.npz", people / "cleo.npz")
    shutil.copy(people / "ben" / "tuesday.npz", people / "anna.npz")
    again = index_folder(people, extractor)
    assert (again.processed, again.reused) == (2, 2)
    assert index_folder(people, extractor).gallery.identities == ["anna", "ben", "cleo"]
    assert Store(people).people() == {"anna": 1, "ben": 2, "cleo": 1}


@pytest.mark.parametrize("what", ["taken out", "renamed", "changed", "the last one"])
def test_whoever_is_gone_is_erased(people: Path, extractor: Extractor, what: str) -> None:
    anna = people / "anna.npz"
    anna.rename(people / "Zebediah.npz")
    index_folder(people, extractor)
    (one,) = Store(people).sequences(["Zebediah"])
    needles = [halves(one.embedding.values), one.id.encode(), _sha256(people / "Zebediah.npz").encode()]
    assert all(hidden(people, needle) for needle in (*needles, b"Zebediah"))  # the search can find it
    if what == "changed":
        shutil.copy(people / "ben" / "monday.npz", people / "Zebediah.npz")
    elif what == "renamed":
        (people / "Zebediah.npz").rename(people / "anna.npz")
        needles = [one.id.encode(), b"Zebediah"]  # her walk is there, under her name
    else:
        (people / "Zebediah.npz").unlink()
        needles.append(b"Zebediah")
    if what == "the last one":
        shutil.rmtree(people / "ben")
        with pytest.raises(GalleryError, match="is empty"):
            index_folder(people, extractor)
    else:
        index_folder(people, extractor)
    for needle in needles:
        assert hidden(people, needle) == []
    assert "remove" in {entry["action"] for entry in Store(people).audit.entries("Zebediah")}
    Store(people).audit.verify()


def test_other_settings_are_another_gallery(people: Path, extractor: Extractor) -> None:
    index_folder(people, extractor)
    old = {one.id for one in Store(people).sequences()}
    other = Extractor(ExtractSettings(effort="full"), device="cpu")
    other.embedder = extractor.embedder  # type: ignore[misc]
    assert index_folder(people, other).processed == 3
    new = {one.id for one in Store(people).sequences()}
    assert len(new) == 3
    assert not new & old


def test_settings_that_change_no_walk_change_no_gallery(people: Path, extractor: Extractor) -> None:
    index_folder(people, extractor)
    extractor.settings = ExtractSettings(preview=True, opengait=True)
    assert index_folder(people, extractor).processed == 0


def test_another_network_is_another_gallery(
    people: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of another model and shape then; the log goes on."""
    index_folder(people, extractor)
    old = halves(Store(people).sequences(["anna"])[0].embedding.values)

    def other(*_: object, **__: object) -> object:
        found, note = read(*_, **__)  # type: ignore[arg-type]
        embedding = replace(found[0].embedding, values=np.ones((4, 4), np.float32), model_id="net@2")
        return [replace(found[0], embedding=embedding)], note

    read = folder_module.sequences_in
    monkeypatch.setattr(folder_module, "sequences_in", other)
    monkeypatch.setattr(extractor.embedder, "model_id", "net@2")
    assert index_folder(people, extractor).processed == 3
    store = Store(people)
    assert (store.model_id, store.shape, len(store)) == ("net@2", (4, 4), 3)
    assert hidden(people, old) == []
    assert [entry["action"] for entry in store.audit.entries("anna")] == ["enrol", "remove", "enrol"]
    store.audit.verify()


@pytest.mark.parametrize("damage", ["", "{", '{"schema": "x"}', '{"schema": 1, "settings": "", "files": []}'])
@pytest.mark.parametrize("name", [FILES, "gallery.json"])
def test_a_damaged_gallery_is_made_anew(people: Path, extractor: Extractor, name: str, damage: str) -> None:
    index_folder(people, extractor)
    (people / HIDDEN / name).write_text(damage)
    assert index_folder(people, extractor).processed == 3
    assert Store(people).people() == {"anna": 1, "ben": 2}
    assert index_folder(people, extractor).processed == 0


@pytest.mark.parametrize("name", [FILES, "gallery.json"])
@pytest.mark.parametrize("said", ["version 99", "Input/output error"])
def test_what_another_version_made_or_cannot_be_read_just_now_is_left_alone(
    people: Path, extractor: Extractor, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_folder(people, extractor)
    if said == "version 99":
        (people / HIDDEN / name).write_text('{"schema": 99}')
    before = held(people)
    if said == "Input/output error":
        read = Path.read_bytes

        def fails(path: Path) -> bytes:
            if path.name == name:
                raise OSError(errno.EIO, said)
            return read(path)

        monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(GalleryError, match=said):
        index_folder(people, extractor)
    monkeypatch.undo()
    assert held(people) == before


def held(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (folder / HIDDEN).rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["*.lance", "*.manifest", "gallery.json"])
def test_a_gallery_that_was_cut_short_is_made_anew(people: Path, extractor: Extractor, kind: str) -> None:
    index_folder(people, extractor)
    for path in [path for path in (people / HIDDEN).rglob(kind) if path.is_file()]:
        os.truncate(path, 10) if kind != "gallery.json" else path.unlink()
    assert index_folder(people, extractor).processed == 3
    assert Store(people).people() == {"anna": 1, "ben": 2}


@pytest.mark.parametrize("gone", ["list", "rows"])
def test_killed_between_rows_and_list(
    people: Path, extractor: Extractor, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    index_folder(people, extractor)
    if gone == "list":  # what is new is in the rows only
        shutil.copy(people / "ben" / "tuesday.npz", people / "cleo.npz")
        monkeypatch.setattr(mirror_module.Mirror, "_write", dies)
    else:  # what is to be erased stands in the rows only
        (people / "anna.npz").unlink()
        monkeypatch.setattr("meshgait_cli.gallery.holding.Holding.take_out", dies)
    with pytest.raises(KeyboardInterrupt):
        index_folder(people, extractor)
    monkeypatch.undo()
    again = index_folder(people, extractor)
    assert again.processed == (gone == "list")
    expected = {"anna": 1, "ben": 2, "cleo": 1} if gone == "list" else {"ben": 2}
    assert Store(people).people() == expected
    assert len(again.gallery.sequences) == sum(expected.values())


def test_what_was_interrupted_goes_on(
    people: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_TOGETHER", 1)
    said: list[str] = []

    def stop(name: str, number: int, count: int) -> None:
        said.append(f"{number}/{count} {name}")
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(people, extractor, announce=stop)
    assert said == ["1/3 anna.npz", "2/3 ben/monday.npz", "3/3 ben/tuesday.npz"]
    assert index_folder(people, extractor).processed == 1


def test_an_index_of_the_older_kind_is_replaced(people: Path, extractor: Extractor) -> None:
    former = people / ".meshgait"
    (former / "results" / "anna" / "anna.mp4").mkdir(parents=True)
    (former / "results" / "anna" / "anna.mp4" / "manifest.json").write_text("{}")
    (former / "index.json").write_text('{"schema": 1, "settings": "x", "items": {}}')
    for name in ("embeddings.safetensors", ".index.7.tmp", ".embeddings.7.tmp.safetensors"):
        (former / name).write_bytes(b"x")
    indexed = index_folder(people, extractor)
    assert (indexed.processed, indexed.notes) == (3, ())
    assert sorted(path.name for path in former.iterdir()) == [".lock", "gallery"]


def test_without_a_place_to_write_it_is_searched_all_the_same(
    people: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as context:
        context.setattr(mirror_module, "make_folder", refuses)
        for _ in range(2):
            indexed = index_folder(people, extractor)
            assert (indexed.processed, indexed.store) == (3, None)
            assert indexed.gallery.identities == ["anna", "ben"]
            assert all(one.silhouettes is not None for one in indexed.gallery.sequences)
            assert "Permission denied" in indexed.notes[-1]
        assert not (people / ".meshgait").exists()
    index_folder(people, extractor)
    shutil.copy(people / "ben" / "tuesday.npz", people / "cleo.npz")
    (people / "anna.npz").unlink()
    monkeypatch.setattr(mirror_module, "make_folder", refuses)
    indexed = index_folder(people, extractor)  # what was kept before is of use still
    assert (indexed.processed, indexed.reused, indexed.store) == (1, 2, None)
    assert indexed.gallery.identities == ["ben", "cleo"]
    assert all(one.silhouettes is not None for one in indexed.gallery.sequences)
    assert Store(people).people() == {"anna": 1, "ben": 2}


def test_what_the_killed_left_of_a_folder_that_could_not_be_written_to(
    people: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tmp")))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    place = for_a_while(str(people.resolve())) / f"{socket.gethostname()}-{dead.pid}-0123abcd"
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o700)
    index_folder(people, extractor)
    assert not place.exists()


def test_the_folder_alone_decides_who_is_in_it(people: Path, extractor: Extractor) -> None:
    from meshgait_cli.gallery.enrol import enrol

    index_folder(people, extractor)
    store = Store(people)
    (one,) = store.sequences(["anna"])
    for change in (
        lambda: store.remove("anna"),
        lambda: store.rename("anna", "eve"),
        lambda: store.merge("anna", ["ben"]),
        lambda: store.add([replace(one, identity="eve", id="")]),
        lambda: enrol(store, [people / "anna.npz"], extractor, identity="eve"),
    ):
        with pytest.raises(GalleryError, match="follows the folder"):
            change()
    assert Store(people).people() == {"anna": 1, "ben": 2}


def test_nothing_is_exported_into_the_folder_itself(people: Path, extractor: Extractor) -> None:
    index_folder(people, extractor)
    with pytest.raises(UsageError, match="lies in the gallery itself"):
        export(Store(people), people / "out")
    assert not (people / "out").exists()
    assert export(Store(people), people.with_name("out")) == 3


def test_of_several_people_in_a_video_the_best_seen_stands_for_the_name(
    people: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With where and when it was; nothing else of the video is kept."""

    def walkers(source: str, _: Extractor, out: Path, *__: object) -> list[Walker]:
        if not source.endswith(".mp4"):
            return read(source, extractor, out)
        (out / "dan").mkdir()
        (out / "dan" / "cut-out.png").write_bytes(b"pixels")
        return [
            Walker(f"track {n}", GaitEmbedding(np.full((16, 8), n, np.float32), "net@1", True, 9, quality),
                   video="/clips/dan.mp4", start_s=n, end_s=n + 2)
            for n, quality in ((1, 0.5), (2, 0.9), (3, 0.7))
        ]  # fmt: skip

    read = sources_module.walkers_in
    monkeypatch.setattr(sources_module, "walkers_in", walkers)
    (people / "dan.mp4").write_bytes(b"video")
    for processed in (4, 0):
        indexed = index_folder(people, extractor)
        assert indexed.processed == processed
        assert indexed.notes == ("3 people walk in dan.mp4: track 2, the best seen, stands for dan",)
    (row,) = Store(people).describe("dan")
    told = {name: row[name] for name in ("name", "video", "start_s", "end_s", "frames")}
    assert told == {
        "name": "dan.mp4 track 2", "video": "/clips/dan.mp4", "start_s": 2, "end_s": 4, "frames": 9
    }  # fmt: skip
    assert row["quality"] == pytest.approx(0.9)
    assert hidden(people, b"pixels") == []


def test_one_bad_file_is_left_out_and_named(people: Path, extractor: Extractor) -> None:
    (people / "dora.npz").write_bytes(b"no arrays")
    for processed in (4, 0):  # and not tried again
        indexed = index_folder(people, extractor)
        assert indexed.gallery.identities == ["anna", "ben"]
        assert "dora.npz is left out" in indexed.notes[0]
        assert indexed.processed == processed


def test_a_file_that_cannot_be_read_ends_no_enrolment(
    people: Path, extractor: Extractor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshgait_cli.gallery import enrol as enrol_module

    digest_of = enrol_module.digest_of

    def damaged(path: Path) -> str:
        if path.name == "anna.npz":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return digest_of(path)

    monkeypatch.setattr(enrol_module, "digest_of", damaged)
    store = Store.create(tmp_path / "gallery")
    enrolled = enrol_module.enrol(store, [people], extractor)
    assert enrolled.sequences == 2
    assert "anna.npz is left out: [Errno 5] Input/output error" in enrolled.notes[0]
    with pytest.raises(OSError, match="Input/output error"):
        enrol_module.enrol(store, [people / "anna.npz"], extractor, identity="anna")


@pytest.mark.parametrize("trouble", ["full", "vanished", "unreadable"])
def test_what_may_pass_is_said_and_tried_again(
    people: Path, extractor: Extractor, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable = VideoError("cannot read dora.npz")
    unreadable.__cause__ = OSError(errno.EIO, "Input/output error")
    troubles = {
        "full": OSError(errno.ENOSPC, "No space left on device"),
        "vanished": SourceNotFound("there is no dora.npz"),
        "unreadable": unreadable,
    }
    failing(monkeypatch, "dora.npz", troubles[trouble])
    shutil.copy(people / "anna.npz", people / "dora.npz")
    for processed in (4, 1):
        indexed = index_folder(people, extractor)
        assert (indexed.processed, indexed.gallery.identities) == (processed, ["anna", "ben"])
        assert indexed.notes == (f"dora.npz is left out: {troubles[trouble]}",)
    monkeypatch.undo()
    indexed = index_folder(people, extractor)
    assert (indexed.gallery.identities, indexed.notes) == (["anna", "ben", "dora"], ())


def test_a_model_that_cannot_be_had_is_no_files_fault(
    people: Path, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "anna.npz", WeightsError("no detector"))
    with pytest.raises(WeightsError, match="no detector"):
        index_folder(people, extractor)
    monkeypatch.undo()
    assert index_folder(people, extractor).gallery.identities == ["anna", "ben"]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """The file of that name fails so; the others are read."""

    def fails(source: sources_module.Source, *asked: Any) -> Any:
        if source.name == name:
            raise error
        return read(source, *asked)

    read = folder_module.sequences_in
    monkeypatch.setattr(folder_module, "sequences_in", fails)


@pytest.mark.parametrize(("name", "said"), [("a\nb.npz", "control"), ("ben/\udc80.npz", "no text")])
def test_a_file_whose_name_is_none_is_left_out(
    people: Path, extractor: Extractor, name: str, said: str
) -> None:
    shutil.copy(people / "anna.npz", people / name)
    indexed = index_folder(people, extractor)
    assert indexed.gallery.identities == ["anna", "ben"]
    assert said in indexed.notes[0]
    indexed.notes[0].encode()


def test_files_of_embeddings_name_their_people(people: Path, extractor: Extractor) -> None:
    embeddings = {s.identity: s.embedding for s in index_folder(people, extractor).gallery.sequences}
    items = tuple(LabelledEmbedding(f"{name}-2", value) for name, value in embeddings.items())
    EmbeddingSet(items, extractor.embedder.model_id, True).write(people / "more.parquet")
    assert index_folder(people, extractor).gallery.identities == ["anna", "anna-2", "ben", "ben-2"]


def test_embeddings_of_another_model_are_refused_in_words(people: Path, extractor: Extractor) -> None:
    other = GaitEmbedding(np.zeros((16, 4), np.float32), "other@1", True, 9)
    EmbeddingSet((LabelledEmbedding("eve", other),), "other@1", True).write(people / "eve.safetensors")
    with pytest.raises(GalleryError, match=r"eve.safetensors holds embeddings of other@1"):
        index_folder(people, extractor)


def test_nobody_and_nowhere(tmp_path: Path, extractor: Extractor) -> None:
    with pytest.raises(GalleryError, match="empty"):
        index_folder(tmp_path, extractor)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SourceNotFound):
        index_folder(tmp_path / "nowhere", extractor)
    np.savez(tmp_path / "ghost.npz", silhouettes=np.zeros((9, 64, 64), np.uint8))
    with pytest.raises(GalleryError, match="nobody"):
        index_folder(tmp_path, extractor)


@pytest.mark.parametrize("effort", ["balanced", "full"])
def test_another_process_does_the_same_meanwhile(
    people: Path, extractor: Extractor, effort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first file is read here, all of them are there: by the same settings, or by others."""
    other = Extractor(ExtractSettings(effort=effort), device="cpu")
    other.embedder = extractor.embedder  # type: ignore[misc]

    def read(*asked: Any) -> Any:
        monkeypatch.undo()
        index_folder(people, other)
        return folder_module.sequences_in(*asked)

    monkeypatch.setattr(folder_module, "sequences_in", read)
    if effort == "full":
        with pytest.raises(GalleryError, match="other settings just now"):
            index_folder(people, extractor)
    else:
        assert len(index_folder(people, extractor).gallery.sequences) == 3
    again = index_folder(people, other)
    assert (again.processed, len(again.gallery.sequences)) == (0, 3)


def test_the_making_of_the_gallery_waits_its_turn(people: Path, extractor: Extractor) -> None:
    (people / ".meshgait").mkdir(mode=0o700)
    other = Thread(target=index_folder, args=(people, extractor))
    with locked(people / ".meshgait" / ".lock"):
        other.start()
        other.join(1)
        assert other.is_alive()
        assert not (people / HIDDEN).exists()
    other.join(30)
    assert Store(people).people() == {"anna": 1, "ben": 2}


INDEXER = """
import hashlib, sys, numpy as np
from pathlib import Path
from types import SimpleNamespace
from meshgait_cli import ExtractSettings
from meshgait_cli.gallery import folder
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.records import GaitEmbedding

def read(source, digest, *_):
    rng = np.random.default_rng(int(digest[:8], 16))
    values = rng.standard_normal((16, 8)).astype(np.float32)
    embedding = GaitEmbedding(values, "net@1", True, 9)
    return [GallerySequence(source.identity, source.name, embedding, source=digest)], ""

folder.sequences_in, folder._TOGETHER = read, 2
extractor = SimpleNamespace(settings=ExtractSettings(), embedder=SimpleNamespace(model_id="net@1"))
for _ in range(int(sys.argv[2])):
    print(len(folder.index_folder(Path(sys.argv[1]), extractor).gallery.sequences), flush=True)
"""


def test_several_processes_index_one_folder_at_once(tmp_path: Path) -> None:
    """All of them from nothing, while files come and go."""
    for number in range(12):
        (tmp_path / f"p{number}.npz").write_bytes(b"%d" % number)
    command = [sys.executable, "-c", INDEXER, str(tmp_path), "4"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for number in range(3):
        assert workers[number].stdout is not None
        workers[number].stdout.readline()
        (tmp_path / f"p{number}.npz").unlink()
        (tmp_path / f"q{number}.npz").write_bytes(b"new %d" % number)
        (tmp_path / f"p{number + 3}.npz").write_bytes(b"changed %d" % number)
    told = [worker.communicate()[1].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 3, told
    subprocess.run([*command[:-1], "1"], check=True)
    store, names = Store(tmp_path), [f"p{n}" for n in range(3, 12)] + [f"q{n}" for n in range(3)]
    assert store.people() == dict.fromkeys(sorted(names), 1)
    for row in store.describe():
        assert row["source"] == _sha256(tmp_path / row["name"])
    store.audit.verify()
