"""The open body's file: how it is packed small, and read back.

Skinning weights keep their six largest entries; the joint regressor is stored sparse; shape
directions and the marker decoder are 16-bit floats. Reading restores the sums that rounding broke.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Packed", "read", "write"]

INFLUENCES = 6  # joints that may move one vertex


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Everything in the file, unpacked.

    v_template V×3, shapedirs V×3×B, weights V×24, joint_regressor 24×V, marker_decoder M×V: float32.
    faces F×3, marker_vertices M, proxy_vertices P, proxy_faces Q×3: int32.
    """

    v_template: NDArray[np.float32]
    shapedirs: NDArray[np.float32]
    weights: NDArray[np.float32]
    joint_regressor: NDArray[np.float32]
    faces: NDArray[np.int32]
    marker_vertices: NDArray[np.int32]
    marker_decoder: NDArray[np.float32]
    proxy_vertices: NDArray[np.int32]
    proxy_faces: NDArray[np.int32]


def write(path: Path, body: Packed) -> None:
    """Write the packed file (fewer than 65,536 vertices)."""
    order = np.argsort(-body.weights, axis=1, kind="stable")[:, :INFLUENCES]
    strongest = np.take_along_axis(body.weights, order, axis=1)
    rows, columns = np.nonzero(body.joint_regressor)
    np.savez_compressed(
        path,
        v_template=body.v_template.astype(np.float32),
        shapedirs=body.shapedirs.astype(np.float16),
        weight_joints=order.astype(np.uint8),
        weight_values=(strongest / strongest.sum(1, keepdims=True)).astype(np.float16),
        regressor_joints=rows.astype(np.uint8),
        regressor_vertices=columns.astype(np.uint16),
        regressor_values=body.joint_regressor[rows, columns].astype(np.float32),
        faces=body.faces.astype(np.uint16),
        marker_vertices=body.marker_vertices.astype(np.uint16),
        marker_decoder=body.marker_decoder.astype(np.float16),
        proxy_vertices=body.proxy_vertices.astype(np.uint16),
        proxy_faces=body.proxy_faces.astype(np.uint16),
    )


def read(path: Path) -> Packed:
    """Read a packed file."""
    with np.load(path, allow_pickle=False) as stored:
        data = {name: stored[name] for name in stored.files}
    template = data["v_template"]
    count = len(template)
    weights = np.zeros((count, 24), dtype=np.float32)
    np.put_along_axis(
        weights, data["weight_joints"].astype(np.int64), data["weight_values"].astype(np.float32), axis=1
    )
    weights /= weights.sum(1, keepdims=True)
    regressor = np.zeros((24, count), dtype=np.float32)
    regressor[data["regressor_joints"], data["regressor_vertices"]] = data["regressor_values"]
    decoder = data["marker_decoder"].astype(np.float32)
    decoder += (1 - decoder.sum(0, keepdims=True)) / len(decoder)  # translation must stay exact
    return Packed(
        v_template=template,
        shapedirs=data["shapedirs"].astype(np.float32),
        weights=weights,
        joint_regressor=regressor,
        faces=data["faces"].astype(np.int32),
        marker_vertices=data["marker_vertices"].astype(np.int32),
        marker_decoder=decoder,
        proxy_vertices=data["proxy_vertices"].astype(np.int32),
        proxy_faces=data["proxy_faces"].astype(np.int32),
    )
