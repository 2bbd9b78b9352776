from __future__ import annotations

import json
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from meshgait_cli.errors import MeshgaitError, UsageError
from meshgait_cli.exporting import export
from meshgait_cli.shipped import folder


@pytest.mark.slow
def test_the_network_as_a_file_says_what_embed_says(meshgait, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from meshgait_cli.datasets.silhouettes import read_place
    from meshgait_cli.network.embed import Embedder

    path = tmp_path / "gait.onnx"
    ran = meshgait("export", "network", "--out", path, "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert said["inputs"] == {"silhouettes": ["walks", "frames", 64, 44]}
    assert max(said["errors"].values()) < 1e-4
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    walker = read_place(sorted((folder("examples") / "walkers").glob("*.npz"))[3])[0]
    embedder = Embedder(None, "cpu")
    assert len(walker) == 2 * embedder.loaded.config.stretch  # so it is embedded in two parts
    found = []
    for part in np.array_split(walker.cropped.astype(np.float32) / 255, 2):
        for seen in (part[None], np.ascontiguousarray(part[None, ..., ::-1])):
            found.append(session.run(None, {"silhouettes": seen})[0][0])
    (expected,) = embedder.embed([walker])
    np.testing.assert_allclose(np.mean(found, axis=0), expected.values, atol=1e-4)
    again = Embedder(path, "cpu")  # the file is a checkpoint too, without the decoder
    assert again.refiner is None
    assert again.points(walker)[0].shape == (len(walker), 24, 3)


@pytest.mark.slow
def test_the_segmenters_encoder_as_a_file_says_what_torch_says(meshgait, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from meshgait_cli.people.segment import PersonSegmenter

    path = tmp_path / "sam.onnx"
    ran = meshgait("export", "segmenter", "--out", path, "--crop-px", "128", "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert said["inputs"] == {"crops": ["people", 3, 128, 128]}
    assert {"random numbers", "people"} <= set(said["errors"])
    assert max(said["errors"].values()) < 1e-3
    encoder = PersonSegmenter(crop_size=128, backend="torch:f32").graph.build()
    crops = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 255
    with torch.inference_mode():
        expected = encoder(crops).numpy()
    runs = [
        lambda x: onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(
            None, {"crops": x}
        )[0]
    ]
    if find_spec("openvino") is not None:
        import openvino

        exact = {"INFERENCE_PRECISION_HINT": "f32"}
        runs.append(lambda x: openvino.Core().compile_model(str(path), "CPU", exact)(x)[0])
    for run in runs:
        found = run(crops.numpy())
        assert np.linalg.norm(found - expected) < 1e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("everything", "--out", "x.onnx"), "network or segmenter"),
        (("network", "--out", "x.pt"), ".onnx"),
        (("network", "--out", "x.onnx", "--model", "nothing"), "there is no network"),
        (("segmenter", "--out", "x.onnx", "--crop-px", "33"), "crop_px must be"),
        (("segmenter", "--out", "x.onnx", "--sam", "huge"), "huge"),
        (("segmenter", "--out", "x.onnx", "--sam-checkpoint", "none.pt"), "none.pt"),
    ],
)
def test_impossible_wishes_are_refused(meshgait, tmp_path, monkeypatch, arguments, said):
    if len(arguments) > 3:
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    ran = meshgait("export", *arguments)
    assert ran.code == 2
    assert said in ran.error
    assert not list(tmp_path.iterdir())


def test_a_place_that_takes_no_file_is_named_before_the_work(meshgait, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("meshgait_cli.exporting._network", lambda model: pytest.fail("it went to work"))
    (tmp_path / "note").write_text("mine")
    (tmp_path / "folder.onnx").mkdir()
    for place, said in ((tmp_path / "note" / "x.onnx", "note"), (tmp_path / "folder.onnx", "is a folder")):
        ran = meshgait("export", "network", "--out", place)
        assert ran.code == 2
        assert said in ran.error
    assert (tmp_path / "note").read_text() == "mine"


def test_cut_off_while_writing_it_leaves_the_old_file_and_nothing_else(monkeypatch, tmp_path):
    pytest.importorskip("onnxruntime")

    def stop(source, target):
        raise KeyboardInterrupt

    graph = SimpleNamespace(inputs=("x",), outputs=("y",), shapes=lambda: [[1]])
    monkeypatch.setattr("meshgait_cli.exporting._network", lambda model: ("net", b"new", graph, {"it": None}))
    monkeypatch.setattr("meshgait_cli.exporting._error", lambda *_: 0.0)
    path = tmp_path / "x.onnx"
    path.write_bytes(b"old")
    with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
        cut.setattr("os.replace", stop)
        export("network", path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
    assert export("network", path).to_dict()["path"] == str(path)
    assert path.read_bytes() == b"new"
    monkeypatch.setattr("meshgait_cli.exporting._error", lambda *_: float("nan"))
    with pytest.raises(MeshgaitError, match="nothing was written"):
        export("network", path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"new"]


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("meshgait_cli.backends.spec.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"meshgait\[onnx\]"):
        export("network", tmp_path / "x.onnx")
