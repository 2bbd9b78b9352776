from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import RenderError
from meshgait_cli.records import BodySequence
from meshgait_cli.render.gltf import MAX_KEYS, in_metres, key_frames, write_glb

FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32)


def body(frames: int, units: str = "metres") -> BodySequence:
    vertices = np.random.default_rng(0).normal(size=(frames, 4, 3)).astype(np.float32)
    return BodySequence(np.zeros((frames, 24, 3), np.float32), np.zeros((frames, 64, 3), np.float32),
                        vertices, FACES, units)  # fmt: skip


def accessor(model: object, index: int) -> np.ndarray:
    import pygltflib as g

    entry = model.accessors[index]
    view = model.bufferViews[entry.bufferView]
    dtype = {g.FLOAT: "<f4", g.UNSIGNED_INT: "<u4"}[entry.componentType]
    width = {g.VEC3: 3, g.SCALAR: 1}[entry.type]
    data = model.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(data, dtype).reshape(entry.count, width)


def test_every_key_frame_is_the_mesh_itself(tmp_path: Path) -> None:
    import pygltflib

    shown = body(5)
    times = np.array([2.0, 2.1, 2.2, 2.5, 2.6])
    write_glb(tmp_path / "walk.glb", shown, times)
    model = pygltflib.GLTF2().load(str(tmp_path / "walk.glb"))
    primitive = model.meshes[0].primitives[0]
    base = accessor(model, primitive.attributes.POSITION)
    targets = np.stack([accessor(model, target["POSITION"]) for target in primitive.targets])
    sampler = model.animations[0].samplers[0]
    seconds = accessor(model, sampler.input).ravel()
    weights = accessor(model, sampler.output).reshape(5, 4)
    assert np.allclose(seconds, times - 2.0, atol=1e-6)
    for key in range(5):
        assert np.allclose(base + np.tensordot(weights[key], targets, 1), shown.vertices[key], atol=1e-6)
    assert np.array_equal(accessor(model, primitive.indices).reshape(-1, 3), FACES)


def test_other_libraries_open_it(tmp_path: Path) -> None:
    import trimesh

    write_glb(tmp_path / "walk.glb", body(3), np.arange(3) / 15)
    (mesh,) = trimesh.load(tmp_path / "walk.glb").geometry.values()
    assert np.allclose(mesh.vertices, body(3).vertices[0], atol=1e-6)


def test_a_single_frame_is_a_still(tmp_path: Path) -> None:
    write_glb(tmp_path / "still.glb", body(1), np.zeros(1))
    assert (tmp_path / "still.glb").stat().st_size > 0


def test_nothing_and_the_wrong_unit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="no frame"):
        write_glb(tmp_path / "x.glb", body(0), np.zeros(0))
    with pytest.raises(RenderError, match="metres"):
        write_glb(tmp_path / "x.glb", body(2, "silhouette"), np.zeros(2))
    assert list(tmp_path.iterdir()) == []


def test_metres_stand_on_the_ground_with_y_up() -> None:
    points = np.array([[[0.0, -0.5, 0.1], [0.0, 0.5, 0.0]]])  # a head above a foot, in silhouette units
    metres = in_metres(points, 1.8)
    assert np.allclose(metres[0], [[0, 1.8, -0.18], [0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize(("fps", "count"), [(60, 240), (30, 120), (10, 40), (25, 2000)])
def test_key_frames_are_at_most_fifteen_a_second(fps: int, count: int) -> None:
    times = np.arange(count) / fps
    keys = key_frames(times)
    assert keys[0] == 0
    assert len(keys) <= MAX_KEYS
    assert (np.diff(times[keys]) > 1 / 15 - 1e-3).all()
    assert (np.diff(times[keys]) <= 1 / 15 + 1 / fps + 1e-6).all()
