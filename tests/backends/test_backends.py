"""Backends on a small network: which pairs a name allows, that they agree, that a choice is remembered."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from meshgait_cli.backends import choose, precision, runtimes, store
from meshgait_cli.backends.choose import compiled, error_of
from meshgait_cli.backends.graph import Graph
from meshgait_cli.backends.spec import check_backend, missing_packages, split_backend
from meshgait_cli.errors import MeshgaitError, UsageError
from meshgait_cli.pipeline import ExtractSettings

CPU = torch.device("cpu")


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 4, 3))

    def forward(self, x):
        return self.layers(x)


def _graph(identity: str = "a", bound: float = 0.03) -> Graph:
    sample = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    build = lambda: _Net().eval()  # noqa: E731
    return Graph("tiny", identity, build, (sample,), ("x",), ("y",), ({0: "batch"},), bound)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MESHGAIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_name_stands_for_pairs():
    assert split_backend("torch:f32") == [("torch", "f32")]
    assert split_backend("openvino") == [("openvino", "f32"), ("openvino", "bf16")]
    assert split_backend("onnxruntime") == [("onnxruntime", "f32")]
    assert len(split_backend("auto")) == 5
    for wrong in ("", "tpu", "onnxruntime:bf16", "torch:f16"):
        with pytest.raises(UsageError, match="unknown backend"):
            split_backend(wrong)
    with pytest.raises(UsageError, match="unknown backend"):
        ExtractSettings(backend="tpu")


def test_what_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("meshgait_cli.backends.spec.find_spec", lambda name: None)
    assert check_backend("auto") == [("torch", "f32"), ("torch", "bf16")]
    with pytest.raises(UsageError, match=r"meshgait\[cpu\]"):
        check_backend("openvino")
    with pytest.raises(UsageError, match="CPU"):
        check_backend("openvino", "cuda")


def test_full_precision_by_torch_is_the_measure_and_needs_no_trial(cache):
    found = compiled(_graph(), "torch:f32")
    assert (str(found), found.error) == ("torch:f32", 0.0)
    x = torch.rand(5, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(found(x)[0], _Net()(x))
    assert not cache.exists()


@pytest.mark.parametrize("backend", ["torch:bf16", "onnxruntime", "openvino:f32", "openvino"])
def test_every_backend_agrees_for_any_batch(backend):
    if missing_packages(backend.partition(":")[0]):
        pytest.skip(f"{backend} is not installed")
    found = compiled(_graph(), backend)
    for count in (1, 2, 5):
        x = torch.rand(count, 3, 16, 16)
        with torch.no_grad():
            expected = _Net()(x)
        assert error_of(found(x), (expected,)) < 0.03


def test_the_choice_is_remembered_until_anything_changes(cache, monkeypatch):
    monkeypatch.setattr(choose, "precisions_here", lambda backend, device: ("f32", "bf16"))
    first = compiled(_graph(), "torch")
    (kept,) = cache.glob("*.json")
    assert set(json.loads(kept.read_text())["milliseconds"]) == {"torch:f32", "torch:bf16"}
    monkeypatch.setattr(choose, "_trial", lambda *_: pytest.fail("it was tried again"))
    assert str(compiled(_graph(), "torch")) == str(first)
    monkeypatch.undo()
    monkeypatch.setenv("MESHGAIT_CACHE", str(cache))
    monkeypatch.setattr(choose, "precisions_here", lambda backend, device: ("f32", "bf16"))
    compiled(_graph("another checkpoint"), "torch")
    assert len(list(cache.glob("*.json"))) == 2


def test_a_damaged_choice_is_made_anew(cache, monkeypatch):
    monkeypatch.setattr(choose, "precisions_here", lambda backend, device: ("f32", "bf16"))
    compiled(_graph(), "torch")
    (kept,) = cache.glob("*.json")
    for content in ("", "[]", '{"backend": "rm", "precision": "-rf", "error": 0.0}'):
        kept.write_text(content)
        compiled(_graph(), "torch")
        assert json.loads(kept.read_text())["backend"] == "torch"


def test_what_disagrees_is_refused():
    with pytest.raises(MeshgaitError, match="differs"):
        compiled(_graph(bound=1e-9), "torch:bf16")


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MESHGAIT_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(choose, "precisions_here", lambda backend, device: ("f32", "bf16"))
    assert compiled(_graph(), "torch").backend == "torch"


def test_a_damaged_compiled_file_is_made_anew(cache):
    if missing_packages("onnxruntime"):
        pytest.skip("onnxruntime is not installed")
    graph = _graph()
    store.cached_onnx(graph)
    (file,) = cache.glob("*.onnx")
    file.write_bytes(b"no network")
    assert compiled(graph, "onnxruntime").backend == "onnxruntime"


@pytest.mark.parametrize("there", [True, False])
def test_torch_computes_in_what_the_processor_has(monkeypatch, there):
    monkeypatch.setattr(precision, "has_bf16", lambda device: there)
    monkeypatch.setattr(runtimes, "has_bf16", lambda device: there)
    assert precision.torch_precision("auto", CPU) == ("bf16" if there else "f32")
    assert precision.torch_precision("openvino", CPU) == ("bf16" if there else "f32")
    assert precision.torch_precision("torch:f32", CPU) == "f32"
    assert ("bf16" in runtimes.precisions_here("torch", CPU)) == there


def test_products_are_computed_in_it():
    x = torch.ones(2, 2)
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        with precision.computing(CPU, name):
            assert (x @ x).dtype == dtype
