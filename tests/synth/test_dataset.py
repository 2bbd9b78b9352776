"""Datasets on disk: the same bytes for the same seed, taken up again, never over somebody else's files."""

from __future__ import annotations

import errno
import filecmp
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.datasets.silhouettes import read
from meshgait_cli.errors import MeshgaitError, UsageError
from meshgait_cli.synth import arrays, claim, dataset
from meshgait_cli.synth.corpus import Corpus, make_corpus
from meshgait_cli.synth.dataset import make_dataset
from meshgait_cli.synth.labels import read_labels
from meshgait_cli.synth.plan import SynthSettings
from meshgait_cli.synth.pool import each
from meshgait_cli.synth.truth import read_truth

SMALL = SynthSettings(seed=3, frames=4, sequences=1)
ARRAYS = SynthSettings(seed=3, frames=4, sequences=2, format="arrays")


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "set"
    make_dataset(folder, 3, SMALL)
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "set"))


def test_a_dataset_is_a_tree_that_the_reader_reads(made):
    found = list(read(made))
    assert {(item.identity, item.type, item.view) for item in found} == {
        (f"{i:05d}", f"{kind}-01", "r00") for i in range(3) for kind in ("nm", "bg", "cl")
    }
    assert all(item.sequence.silhouettes.shape == (4, 64, 64) for item in found)


def test_labels_truth_partition_and_manifest(made):
    rows = read_labels(made)
    assert len(rows) == 9
    first = rows[0]
    assert first["identity"] == "00000"
    assert first["seed"] == 3
    assert len(first["betas"]) == 32
    assert np.isfinite(first["style"]).all()
    assert rows[0]["betas"] == rows[1]["betas"]
    assert rows[0]["betas"] != rows[3]["betas"]
    assert [row["carrying"] for row in rows[:3]] == [False, True, False]
    assert rows[2]["outfit"] > 0
    truth = read_truth(made, "00001")
    assert truth["bg-01", "r00"].joints.shape == (4, 24, 3)
    manifest = json.loads((made / "manifest.json").read_text())
    assert (manifest["identities"], manifest["sequences"], manifest["silhouettes"]) == (3, 9, 36)
    assert "mocap.cs.cmu.edu" in manifest["acknowledgement"]
    partition = json.loads((made / "partition.json").read_text())
    assert sorted(partition["TRAIN_SET"] + partition["TEST_SET"]) == ["00000", "00001", "00002"]
    assert not (made / ".parts").exists()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(made, tmp_path):
    make_dataset(tmp_path / "again", 3, SMALL)
    assert files(tmp_path / "again") == files(made)
    make_dataset(tmp_path / "other", 1, SynthSettings(seed=4, frames=4, sequences=1))
    name = "00000/nm-01/r00/r00.pkl"
    assert (tmp_path / "other" / name).read_bytes() != (made / name).read_bytes()


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(made, tmp_path):
    make_dataset(tmp_path / "pool", 3, SMALL, workers=2)
    assert files(tmp_path / "pool") == files(made)


def test_a_finished_dataset_is_left_alone(copy, monkeypatch):
    before = files(copy)
    monkeypatch.setattr(dataset, "make_person", None)  # nobody is to be drawn
    again = make_dataset(copy, 3, SMALL)
    assert (again.made, again.kept) == (0, 3)
    assert files(copy) == before


def test_a_dataset_grows_and_keeps_who_is_in_it(made, copy, tmp_path):
    grown = make_dataset(copy, 6, SMALL)
    assert (grown.made, grown.kept, grown.identities) == (3, 3, 6)
    old, new = files(made), files(copy)
    assert all(new[name] == old[name] for name in old if name[0].isdigit())
    make_dataset(tmp_path / "at once", 6, SMALL)
    assert new == files(tmp_path / "at once")


class Killed(BaseException):
    pass


def test_what_was_finished_when_the_power_went_is_kept(made, tmp_path, monkeypatch):
    folder = tmp_path / "set"
    real, count = dataset.make_person, iter(range(9))

    def cut(number, folder, settings, library):
        if next(count) == 2:
            half = folder / "00002" / "nm-01" / "r00"
            half.mkdir(parents=True)
            (half / ".r00.pkl.123.tmp").write_bytes(b"half")
            raise Killed
        return real(number, folder, settings, library)

    monkeypatch.setattr(dataset, "make_person", cut)
    with pytest.raises(Killed):
        make_dataset(folder, 3, SMALL)
    assert not (folder / "manifest.json").exists()
    monkeypatch.setattr(dataset, "make_person", real)
    done = make_dataset(folder, 3, SMALL)
    assert (done.made, done.kept) == (1, 2)
    assert files(folder) == files(made)


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "no truth", "other truth"])
def test_a_damaged_identity_is_made_again(made, copy, harm):
    target = copy / "00001" / "nm-01" / "r00" / "r00.pkl"
    content = target.read_bytes()
    if harm == "cut":
        target.write_bytes(content[:-9])
    elif harm == "flipped":
        target.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif harm == "gone":
        target.unlink()
    elif harm == "no truth":
        (copy / "truth" / "00001.safetensors").unlink()
    else:
        shutil.copy(copy / "truth" / "00002.safetensors", copy / "truth" / "00001.safetensors")
    done = make_dataset(copy, 3, SMALL)
    assert (done.made, done.kept) == (1, 2)
    assert files(copy) == files(made)


def test_other_settings_are_refused_by_name(copy):
    before = files(copy)
    with pytest.raises(UsageError, match="frames 4, not 5"):
        make_dataset(copy, 3, SynthSettings(seed=3, frames=5, sequences=1))
    with pytest.raises(UsageError, match="seed"):
        make_dataset(copy, 3, SynthSettings(seed=4, frames=4, sequences=1))
    assert files(copy) == before


@pytest.mark.parametrize("content", ["thesis.doc", "manifest.json"])
def test_somebody_elses_folder_is_refused(tmp_path, content):
    (tmp_path / content).write_text('{"kind": "holiday"}')
    for settings in (SMALL, ARRAYS):
        with pytest.raises(UsageError, match="not empty"):
            make_dataset(tmp_path, 1, settings)
    assert [p.name for p in tmp_path.iterdir()] == [content]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        make_dataset(tmp_path / "file", 1, SMALL)


@pytest.mark.parametrize(("settings", "most"), [(SMALL, 10**5), (ARRAYS, 10**6)])
def test_nobody_beyond_the_last_number_is_asked_for(tmp_path, settings, most):
    with pytest.raises(UsageError, match=f"from 1 to {most:,}, not {most + 1}"):
        make_dataset(tmp_path / "x", most + 1, settings)
    assert not (tmp_path / "x").exists()


def test_arrays_without_room_are_not_laid_out(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_Files", lambda *_: pytest.fail("laid out"))
    with pytest.raises(MeshgaitError, match=r"needs about .* TB, and only"):
        make_dataset(tmp_path / "x", 10**6, replace(ARRAYS, frames=10_000))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(("identities", "workers"), [(0, 1), (-1, 1), (1, 0)])
def test_impossible_numbers(tmp_path, identities, workers):
    with pytest.raises(UsageError):
        make_dataset(tmp_path / "x", identities, SMALL, workers=workers)
    assert not (tmp_path / "x").exists()


def test_two_processes_never_make_one_dataset(copy):
    from filelock import FileLock

    (copy / ".parts").mkdir()
    with FileLock(copy / ".parts" / "lock"), pytest.raises(MeshgaitError, match="another"):
        make_dataset(copy, 3, SMALL)
    assert (copy / "manifest.json").exists()


@pytest.mark.parametrize("settings", [SMALL, ARRAYS])
def test_a_disk_without_room_is_found_out_before_anything_is_drawn(tmp_path, monkeypatch, settings):
    small = shutil._ntuple_diskusage(10**9, 10**9 - 5000, 5000)
    monkeypatch.setattr(claim.shutil, "disk_usage", lambda _: small)
    with pytest.raises(MeshgaitError, match=r"needs about \d.*only 5 KB are free"):
        make_dataset(tmp_path / "x", 20, settings)
    assert not (tmp_path / "x").exists()


def test_a_disk_that_fills_up_keeps_what_is_finished(tmp_path, monkeypatch):
    from meshgait_cli.synth import tree

    real = tree.write_aside

    def full(path, content):
        if "00001" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, content)

    monkeypatch.setattr(tree, "write_aside", full)
    with pytest.raises(OSError, match="No space"):
        make_dataset(tmp_path / "x", 3, SMALL)
    monkeypatch.setattr(tree, "write_aside", real)
    assert make_dataset(tmp_path / "x", 3, SMALL).kept == 1


def test_the_size_is_told_beforehand_and_is_about_right(tmp_path):
    said: list[str] = []
    done = make_dataset(tmp_path / "x", 2, SynthSettings(frames=30, sequences=1), announce=said.append)
    assert len(said) == 1
    assert "2 identities" in said[0]
    really = sum(len(content) for content in files(tmp_path / "x").values())
    assert 0.8 * really < done.bytes < 1.2 * really


def test_arrays_are_the_corpus_byte_for_byte(tmp_path):
    make_corpus(tmp_path / "corpus", 3, seed=3, sequences=2, frames=4)
    done = make_dataset(tmp_path / "arrays", 3, ARRAYS)
    assert (done.made, done.sequences, done.silhouettes) == (3, 6, 24)
    for name in ("silhouettes.npy", "points.npy", "labels.npy"):
        assert filecmp.cmp(tmp_path / "corpus" / name, tmp_path / "arrays" / name, shallow=False)
    corpus = Corpus.open(tmp_path / "arrays")
    assert corpus.manifest["seed"] == 3
    assert corpus.silhouettes.shape == (6, 4, 64, 44)


def test_arrays_go_on_where_they_were_cut_off(tmp_path, monkeypatch):
    from meshgait_cli.synth import arrays

    make_dataset(tmp_path / "whole", 4, ARRAYS)
    folder, real, count = tmp_path / "cut", arrays.make_identity, iter(range(99))

    def cut(seed, number):
        if next(count) == 3:
            raise Killed
        return real(seed, number)

    monkeypatch.setattr(arrays, "make_identity", cut)
    with pytest.raises(Killed):
        make_dataset(folder, 4, ARRAYS)
    done = folder / ".parts" / "done.jsonl"
    lines = done.read_text().splitlines(keepends=True)
    assert len(lines) == 3
    # The last line was torn, and one is none at all.
    done.write_text("".join([lines[0], "[" * 100_000 + "\n", lines[1]]) + lines[2][:-20])
    damaged = np.load(folder / "silhouettes.npy", mmap_mode="r+")
    damaged[0, 0, 0, 0] ^= 1  # the first identity does not hold what its line says
    damaged.flush()
    monkeypatch.setattr(arrays, "make_identity", real)
    again = make_dataset(folder, 4, ARRAYS)
    assert (again.made, again.kept) == (3, 1)
    for name in ("silhouettes.npy", "points.npy", "labels.npy"):
        assert filecmp.cmp(tmp_path / "whole" / name, folder / name, shallow=False)
    assert make_dataset(folder, 4, ARRAYS).kept == 4


def test_arrays_of_another_length_are_other_arrays(tmp_path):
    make_dataset(tmp_path / "x", 1, ARRAYS)
    with pytest.raises(UsageError, match="identities 1, not 2"):
        make_dataset(tmp_path / "x", 2, ARRAYS)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_work_is_done_once_each_and_errors_come_through(workers):
    # Of the standard library: a spawned process must be able to import it.
    assert sorted(each(math.factorial, range(20), workers)) == [math.factorial(n) for n in range(20)]
    with pytest.raises(ValueError, match="negative"):
        list(each(math.factorial, [1, -1, 2], workers))


@pytest.mark.slow
def test_a_worker_that_dies_is_one_line():
    with pytest.raises(MeshgaitError, match="worker process died"):
        list(each(os._exit, range(3, 7), 2))


def test_threads_are_given_back():
    import torch

    before = torch.get_num_threads()
    list(each(math.factorial, [1], 1))
    assert torch.get_num_threads() == before
