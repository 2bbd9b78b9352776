"""A moving body as one binary glTF file (.glb), which opens in browsers, Blender and three.js.

Every key frame is a morph target, so the file shows exactly the mesh that the network gave, not a
skeleton's approximation of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..atomic import aside
from ..errors import RenderError
from ..records import BodySequence

__all__ = ["MAX_KEYS", "in_metres", "key_frames", "write_glb"]

MAX_KEYS = 90  # key frames; 83 kB each
KEY_RATE = 15.0  # a second


def in_metres(vertices: NDArray[np.floating], stature_m: float) -> NDArray[np.float32]:
    """…×3 silhouette units to metres: y up, z towards the camera, the feet of the lowest frame at y = 0.

    A silhouette has no scale of its own, so the height of a person is assumed, not measured.
    """
    points = np.asarray(vertices, dtype=np.float64) * [1.0, -1.0, -1.0] * stature_m
    points[..., 1] -= np.median(points[..., 1].reshape(len(points), -1).min(1))
    return points.astype(np.float32)


def key_frames(times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of T frames to keep: at most KEY_RATE a second and MAX_KEYS in all, from the start."""
    if not np.isfinite(times).all():
        times = np.arange(len(times)) / 30.0
    kept, due = [], -np.inf
    for index, time in enumerate(times):
        if time >= due - 1e-6:
            kept.append(index)
            due = time + 1 / KEY_RATE
        if len(kept) == MAX_KEYS:
            break
    return np.array(kept, dtype=np.intp)


def write_glb(
    path: Path,
    body: BodySequence,
    times: NDArray[np.float64],
    colour: tuple[int, int, int] = (230, 150, 60),
    name: str = "walker",
) -> None:
    """Write the animated mesh of a BodySequence in metres; times: T seconds, increasing.

    Raises RenderError when there is no frame, or the body is not in metres.
    """
    import pygltflib as g

    if body.units != "metres":
        raise RenderError("a .glb is written in metres: convert the body with in_metres first")
    if not len(body.vertices):
        raise RenderError("there is no frame to write")
    keys, vertices = len(body.vertices), body.vertices.astype("<f4")
    seconds = (times - times[0]).astype("<f4")
    blob = _Blob()
    base = vertices[0]
    position = blob.add(base, g.VEC3, g.FLOAT, g.ARRAY_BUFFER, bounds=True)
    faces = blob.add(body.faces.astype("<u4").ravel(), g.SCALAR, g.UNSIGNED_INT, g.ELEMENT_ARRAY_BUFFER)
    targets = [
        {"POSITION": blob.add(vertices[key] - base, g.VEC3, g.FLOAT, g.ARRAY_BUFFER, bounds=True)}
        for key in range(1, keys)
    ]
    red, green, blue = ((value / 255) ** 2.2 for value in colour)
    model = g.GLTF2(
        asset=g.Asset(generator="meshgait", version="2.0"),
        scene=0,
        scenes=[g.Scene(nodes=[0])],
        nodes=[g.Node(mesh=0, name=name)],
        meshes=[
            g.Mesh(
                name=name,
                primitives=[
                    g.Primitive(
                        attributes=g.Attributes(POSITION=position), indices=faces, material=0, targets=targets
                    )
                ],
                weights=[0.0] * (keys - 1),
            )
        ],
        materials=[
            g.Material(
                name="body",
                doubleSided=True,
                pbrMetallicRoughness=g.PbrMetallicRoughness(
                    baseColorFactor=[red, green, blue, 1.0], metallicFactor=0.0, roughnessFactor=0.75
                ),
            )
        ],
    )
    if keys > 1:
        weights = np.eye(keys, dtype="<f4")[:, 1:]  # at key k, target k alone
        model.animations = [
            g.Animation(
                name="walk",
                samplers=[
                    g.AnimationSampler(
                        input=blob.add(seconds, g.SCALAR, g.FLOAT, None, bounds=True),
                        output=blob.add(weights.ravel(), g.SCALAR, g.FLOAT, None),
                        interpolation="LINEAR",
                    )
                ],
                channels=[
                    g.AnimationChannel(sampler=0, target=g.AnimationChannelTarget(node=0, path="weights"))
                ],
            )
        ]
    model.bufferViews, model.accessors = blob.views, blob.accessors
    model.buffers = [g.Buffer(byteLength=len(blob.data))]
    model.set_binary_blob(bytes(blob.data))
    with aside(path) as temporary:
        model.save_binary(str(temporary))


class _Blob:
    """The file's binary part, and the views and accessors that point into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[object] = []
        self.accessors: list[object] = []

    def add(self, array: NDArray, kind: str, component: int, target: int | None, bounds: bool = False) -> int:
        import pygltflib as g

        content = np.ascontiguousarray(array)
        view = g.BufferView(buffer=0, byteOffset=len(self.data), byteLength=content.nbytes, target=target)
        self.views.append(view)
        self.data += content.tobytes()
        self.data += bytes(-len(self.data) % 4)
        rows = content.reshape(len(content), -1)
        self.accessors.append(
            g.Accessor(
                bufferView=len(self.views) - 1,
                componentType=component,
                count=len(content),
                type=kind,
                min=rows.min(0).tolist() if bounds else None,
                max=rows.max(0).tolist() if bounds else None,
            )
        )
        return len(self.accessors) - 1
