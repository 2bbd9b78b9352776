from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import ResultError, UsageError
from meshgait_cli.records import GaitEmbedding
from meshgait_cli.results.embeddings import EmbeddingSet, LabelledEmbedding


def embedding(seed: int, model: str = "net@1") -> GaitEmbedding:
    values = np.random.default_rng(seed).normal(size=(16, 8)).astype(np.float32)
    return GaitEmbedding(values, model, True, 30 + seed, 0.5 if seed else float("nan"))


@pytest.mark.parametrize("suffix", [".safetensors", ".parquet"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_written_is_read(tmp_path: Path, suffix: str, count: int) -> None:
    items = tuple(
        LabelledEmbedding(f"Änna <{i}>", embedding(i), "nm-01", "090", f"a/{i}.pkl") for i in range(count)
    )
    path = tmp_path / f"e{suffix}"
    EmbeddingSet(items, "net@1", True).write(path)
    back = EmbeddingSet.read(path)
    assert (back.model_id, back.trained) == ("net@1", True)
    assert [(i.id, i.type, i.view, i.path) for i in back.items] == [
        (i.id, i.type, i.view, i.path) for i in items
    ]
    for mine, theirs in zip(items, back.items, strict=True):
        assert np.array_equal(mine.embedding.values, theirs.embedding.values)
        assert mine.embedding.frames == theirs.embedding.frames
        assert np.array_equal([mine.embedding.quality], [theirs.embedding.quality], equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


def test_two_models_do_not_mix() -> None:
    items = (LabelledEmbedding("a", embedding(1)), LabelledEmbedding("b", embedding(2, "net@2")))
    with pytest.raises(ValueError, match="different models"):
        EmbeddingSet(items, "net@1", True)


@pytest.mark.parametrize("suffix", [".safetensors", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1" * 9])
def test_damaged_files_are_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"e{suffix}"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=path.name):
        EmbeddingSet.read(path)


def test_somebody_elses_safetensors_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"0": np.zeros(3, np.float32)}, tmp_path / "e.safetensors")
    with pytest.raises(ResultError, match="not written by meshgait"):
        EmbeddingSet.read(tmp_path / "e.safetensors")


LABEL = {"id": "a", "type": "", "view": "", "path": "", "frames": 30, "quality": 0.5}


@pytest.mark.parametrize(
    ("label", "array", "said"),
    [
        ({"id": 5}, None, "id is not text"),
        ({"id": ["x"]}, None, "id is not text"),
        ({"id": None}, None, "id is not text"),
        ({"view": "\ud800"}, None, "view is not text"),
        ({"frames": -7}, None, "-7"),
        ({"frames": 2.5}, None, "2.5"),
        ({"quality": 1e308}, None, "quality"),
        ({"quality": "good"}, None, "quality"),
        ({}, np.ones((8, 4), np.float32), "like the others"),
        ({}, np.ones((16, 8), np.int32), "like the others"),
        ({}, np.full((16, 8), 3e37, np.float32), "65504"),
        ({}, np.full((16, 8), 1e300), "65504"),
        ({}, np.full((16, 8), np.nan, np.float32), "not finite"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, label: dict, array: np.ndarray | None, said: str) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "e.safetensors"
    good = np.ones((16, 8), np.float32)
    about = {"format": "meshgait-embeddings-1", "model_id": "net@1", "trained": "true"}
    about["labels"] = json.dumps([LABEL, {**LABEL, **label}])
    save_file({"0": good, "1": good if array is None else array}, path, about)
    with pytest.raises(ResultError, match=said) as caught:
        EmbeddingSet.read(path)
    assert f"{path}, embedding 1: " in str(caught.value)


def test_embeddings_without_a_number_are_refused(tmp_path: Path) -> None:
    nothing = GaitEmbedding(np.zeros((16, 0), np.float32), "net@1", True, 3)
    path = tmp_path / "e.safetensors"
    EmbeddingSet((LabelledEmbedding("a", nothing),), "net@1", True).write(path)
    with pytest.raises(ResultError, match="embedding 0"):
        EmbeddingSet.read(path)


def test_an_unknown_suffix_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="parquet"):
        EmbeddingSet((), "net@1", True).write(tmp_path / "e.csv")
