"""Corpora on disk, and the example walkers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import SourceNotFound
from meshgait_cli.synth.corpus import HELD_OUT, PROBES, Corpus, make_benchmark, make_corpus
from meshgait_cli.synth.examples import PEOPLE, example
from meshgait_cli.synth.wardrobe import CHANGED

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "walkers"


def test_a_corpus_comes_back_as_it_was_made(tmp_path):
    make_corpus(tmp_path / "a", 3, seed=5, sequences=2, frames=4)
    make_corpus(tmp_path / "b", 3, seed=5, sequences=2, frames=4)
    a, b = Corpus.open(tmp_path / "a"), Corpus.open(tmp_path / "b")
    assert a.silhouettes.shape == (6, 4, 64, 44)
    assert a.points.shape == (6, 4, 88, 3)
    assert a.labels["identity"].tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(a.silhouettes, b.silhouettes)
    assert a.manifest["seed"] == 5


@pytest.mark.slow  # a process takes seconds to start
def test_the_number_of_workers_does_not_change_a_corpus(tmp_path):
    make_corpus(tmp_path / "one", 3, seed=5, sequences=2, frames=4)
    make_corpus(tmp_path / "two", 3, seed=5, sequences=2, frames=4, workers=2)
    one, two = Corpus.open(tmp_path / "one"), Corpus.open(tmp_path / "two")
    np.testing.assert_array_equal(one.silhouettes, two.silhouettes)
    np.testing.assert_array_equal(one.labels, two.labels)


def test_an_unfinished_corpus_is_refused(tmp_path):
    with pytest.raises(SourceNotFound, match="no finished corpus"):
        Corpus.open(tmp_path)


def test_the_benchmark_has_every_probe_of_people_never_trained_on(tmp_path):
    make_benchmark(tmp_path, 2, frames=4)
    labels = Corpus.open(tmp_path).labels
    assert labels["probe"].tolist() == list(range(len(PROBES))) * 2
    assert labels["identity"].min() >= HELD_OUT
    clothes = labels[labels["probe"] == PROBES.index("clothes")]
    assert (clothes["outfit"] >= CHANGED).all()
    assert not labels[labels["probe"] == PROBES.index("same")]["outfit"].any()


def test_the_shipped_examples_are_what_their_command_makes():
    files = sorted(EXAMPLES.glob("*.npz"))
    assert [file.stem for file in files] == [f"synthetic-{i:02d}" for i in range(1, PEOPLE + 1)]
    for number in (0, 13):
        with np.load(files[number]) as data:
            shipped = data["silhouettes"]
        assert shipped.shape == (60, 64, 64)
        # Other processors round differently: a few edge pixels may change.
        assert (np.abs(shipped.astype(int) - example(number).silhouettes) > 64).mean() < 0.01
    assert sum(file.stat().st_size for file in files) < 1_500_000
