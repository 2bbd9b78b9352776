from __future__ import annotations

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


def test_an_unknown_suffix_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="parquet"):
        EmbeddingSet((), "net@1", True).write(tmp_path / "e.csv")
