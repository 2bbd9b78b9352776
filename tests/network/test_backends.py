"""The network by each backend, from checkpoint and from exported file: the same embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from meshgait_cli.backends.spec import missing_packages
from meshgait_cli.datasets.silhouettes import read_place
from meshgait_cli.errors import WeightsError
from meshgait_cli.exporting import export
from meshgait_cli.network.checkpoint import load
from meshgait_cli.network.embed import Embedder, _groups
from meshgait_cli.network.graph import BOUND
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence
from meshgait_cli.shipped import folder

EVERY = ["torch:f32", "torch:bf16", "onnxruntime", "openvino:f32", "openvino:bf16", "auto"]


def _skip_without(backend: str) -> None:
    if backend != "auto" and missing_packages(backend.partition(":")[0]):
        pytest.skip(f"{backend} is not installed")


def _apart(one: GaitEmbedding, two: GaitEmbedding) -> float:
    """The distance that recognition uses: the mean over the parts."""
    return float(np.linalg.norm(one.values - two.values, axis=-1).mean())


@pytest.fixture(scope="module")
def walks() -> list[SilhouetteSequence]:
    """Six people; some walks cut short, so that lengths differ."""
    places = sorted((folder("examples") / "walkers").glob("*.npz"))[:6]
    found = [read_place(place)[0].silhouettes for place in places]
    return [SilhouetteSequence.from_arrays(each[: None if i % 2 else 23]) for i, each in enumerate(found)]


@pytest.fixture(scope="module")
def expected(walks: list[SilhouetteSequence]) -> list[GaitEmbedding]:
    return Embedder(None, "cpu").embed(walks)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("exported") / "gait.onnx"
    export("network", path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("backend", EVERY)
@pytest.mark.parametrize("source", ["checkpoint", "file"])
def test_every_backend_embeds_alike(source, backend, walks, expected, request):
    _skip_without(backend)
    model = request.getfixturevalue("exported") if source == "file" else None
    embedder = Embedder(model, "cpu", backend=backend)
    assert embedder.computed.startswith("" if backend == "auto" else backend)
    assert (embedder.model_id, embedder.trained) == (expected[0].model_id, True)  # so a gallery takes them
    found = embedder.embed(walks)
    exact = backend in ("torch:f32", "onnxruntime", "openvino:f32")
    for mine, its in zip(found, expected, strict=True):
        error = np.linalg.norm(mine.values - its.values) / np.linalg.norm(its.values)
        assert error < (1e-4 if exact else BOUND)
    between = [_apart(a, b) for i, a in enumerate(expected) for b in expected[:i]]
    moved = [_apart(a, b) for a, b in zip(found, expected, strict=True)]
    assert max(moved) < 0.05 * min(between)


@pytest.mark.slow
def test_an_exported_file_holds_the_whole_network(exported):
    ours, its = load(), load(exported)
    assert (its.id, its.trained, its.card) == (ours.id, ours.trained, ours.card)
    assert its.config == replace(ours.config, refiner=0)  # which is the decoder's
    shipped = load_file(folder("weights") / "meshgait-s.safetensors")
    mine = its.network.state_dict()
    for name, value in shipped.items():
        if name in mine and not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(mine[name].numpy(), value.float().numpy())


@pytest.mark.slow
def test_embed_takes_an_exported_file(meshgait, exported, tmp_path):
    walker = sorted((folder("examples") / "walkers").glob("*.npz"))[0]
    ran = meshgait(
        "embed", walker, "-o", tmp_path / "e.parquet", "--model", exported, "--backend", "onnxruntime", "-q"
    )
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", "foreign"])
def test_other_files_are_refused(content, tmp_path):
    onnx = pytest.importorskip("onnx")
    if content == "foreign":
        content = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])).SerializeToString()
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.onnx"):
        load(path)


def test_only_equal_lengths_go_together_where_nothing_is_padded():
    lengths = [3, 5, 3, 4, 5, 3]
    assert list(_groups(lengths, 100, padded=False)) == [[0, 2, 5], [3], [1, 4]]
    assert list(_groups(lengths, 6, padded=False)) == [[0, 2], [5], [3], [1], [4]]
    assert list(_groups(lengths, 100)) == [[0, 2, 5, 3, 1, 4]]
