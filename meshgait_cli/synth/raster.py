"""Which triangle of a mesh is seen at each pixel, and where in it: a z-buffer over whole arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fragments", "fragments"]

_SIDES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)  # classes of triangles, by their bounding square
_AT_ONCE = 600_000  # pixels tested in one go
_STEPS = 1 << 20  # of depth that are told apart
Floats = NDArray[np.floating]
_Batch = tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats]  # cell, face, depth, weights


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """What is nearest at each of the N covered pixels. cell: row·width + column. face: its number. weights:
    N×3, of the face's corners; they sum to 1."""

    cell: NDArray[np.intp]
    face: NDArray[np.intp]
    weights: NDArray[np.float32]

    def of(self, values: Floats, faces: NDArray[np.integer]) -> NDArray[np.float32]:
        """V×C values of the vertices at each of these pixels: N×C."""
        return np.einsum("nk,nkc->nc", self.weights, values.astype(np.float32)[faces[self.face]])


def fragments(points: Floats, faces: NDArray[np.integer], height: int, width: int) -> Fragments:
    """points: V×3, x right and y down in pixels, z away from the camera. faces: F×3, outward winding; those
    that look away are not drawn."""
    corners = points.astype(np.float32)[faces]  # F×3×3
    edge1, edge2 = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    limit = np.array([width, height], np.float32)
    low = np.floor(corners[..., :2].min(1) - 0.5).clip(0, limit)
    high = np.ceil(corners[..., :2].max(1) + 0.5).clip(0, limit)
    seen = (area < 0) & (high > low).all(1)
    side = np.where(seen, (high - low).max(1), -1)
    found: list[_Batch] = []
    smaller = 0
    for largest in _SIDES:
        chosen = np.flatnonzero((side > smaller) & (side <= largest))
        step = max(1, _AT_ONCE // largest**2)
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            found.append(_inside(corners[part], area[part], low[part], part, largest, height, width))
        smaller = largest
    if not found:
        return Fragments(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 3), np.float32))
    cell, face, depth, weights = (np.concatenate(column) for column in zip(*found, strict=True))
    # One key of cell and depth: far quicker to sort than two.
    span = np.float32(_STEPS) / max(float(np.ptp(depth)), 1e-6)
    order = np.argsort(cell.astype(np.int64) * (_STEPS + 1) + ((depth - depth.min()) * span).astype(np.int64))
    cell, face, weights = cell[order], face[order], weights[order]
    first = np.ones(len(order), bool)
    first[1:] = cell[1:] != cell[:-1]
    return Fragments(cell[first], face[first], weights[first])


def _inside(
    corners: Floats, area: Floats, low: Floats, number: NDArray[np.intp], side: int, height: int, width: int
) -> _Batch:
    """The pixels of each triangle's side×side square that lie in it."""
    offsets = np.arange(side, dtype=np.float32) + np.float32(0.5)
    px = low[:, 0, None, None] + offsets[None, None, :]
    py = low[:, 1, None, None] + offsets[None, :, None]
    a, b, c = (corners[:, k, :, None, None] for k in range(3))
    total = area[:, None, None]
    wb = ((px - a[:, 0]) * (c[:, 1] - a[:, 1]) - (py - a[:, 1]) * (c[:, 0] - a[:, 0])) / total
    wc = ((b[:, 0] - a[:, 0]) * (py - a[:, 1]) - (b[:, 1] - a[:, 1]) * (px - a[:, 0])) / total
    slack = np.float32(-1e-4)  # inclusive edges: neighbours overlap rather than leave pinholes
    inside = (wb >= slack) & (wc >= slack) & (wb + wc <= 1 - slack) & (px < width) & (py < height)
    which, row, column = np.nonzero(inside)
    weights = np.stack([np.float32(1) - wb[inside] - wc[inside], wb[inside], wc[inside]], axis=1)
    depth = (weights * corners[which, :, 2]).sum(1)
    cell = (low[which, 1].astype(np.intp) + row) * width + low[which, 0].astype(np.intp) + column
    return cell, number[which], depth, weights
