from __future__ import annotations

import json

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("everything", "--out", "x.onnx"), "network or segmenter"),
        (("network", "--out", "x.pt"), ".onnx"),
        (("network", "--out", "x.onnx", "--model", "nothing"), "there is no network"),
    ],
)
def test_impossible_wishes_are_refused(meshgait, tmp_path, monkeypatch, arguments, said):
    if "--model" in arguments:
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    ran = meshgait("export", *arguments)
    assert ran.code == 2
    assert said in ran.error
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("meshgait_cli.backends.spec.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"meshgait\[onnx\]"):
        export("network", tmp_path / "x.onnx")
