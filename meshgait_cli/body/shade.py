"""A software renderer: shaded pictures of a mesh, on the CPU, with no display and no system package.

A z-buffer over whole arrays. Triangles are sorted into classes by the side of their bounding square; the
pixels of a class are tested in one go, and the nearest fragment of each pixel wins.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["AMBIENT", "HALFWAY", "LIGHT", "shade", "vertex_normals"]

Floats = NDArray[np.floating]

LIGHT = np.array([-0.35, -0.55, -0.76])  # where the light is: left, above, in front
HALFWAY = np.array([-0.35, -0.55, -1.76]) / np.linalg.norm([-0.35, -0.55, -1.76])  # light and viewer
AMBIENT = 0.32


def vertex_normals(vertices: Floats, faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """V×3 unit normals, each the mean of its faces' by area. Outward for faces wound outward."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.zeros(vertices.shape)
    of_faces = np.cross(b - a, c - a)
    for k in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, k], of_faces[:, axis], len(vertices))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def shade(
    vertices: Floats,
    faces: NDArray[np.integer],
    height: int,
    width: int,
    colour: tuple[int, int, int],
    samples: int = 2,
) -> NDArray[np.uint8]:
    """Draw one mesh.

    vertices: V×3; x right and y down in pixels, z away from the camera in the same unit (an orthographic
    view; perspective is up to the caller). faces: F×3 with outward winding in a right-handed frame.
    samples: sub-samples along a pixel's side. Returns height×width×4 uint8 RGBA, not premultiplied.
    """
    big_height, big_width = height * samples, width * samples
    points = vertices.astype(np.float64) * samples
    # x right, y down, z away is a right-handed frame, so outward winding stays outward.
    normals = vertex_normals(vertices.astype(np.float64), faces)
    corners = points[faces]  # F×3×3
    edge1, edge2 = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    facing = area < 0  # towards the camera, which looks along +z
    low = np.floor(corners[..., :2].min(1) - 0.5)
    high = np.ceil(corners[..., :2].max(1) + 0.5)
    low, high = (np.clip(end, 0, (big_width, big_height)) for end in (low, high))
    seen = facing & (high > low).all(1)
    side = (high - low).max(1)
    nearest = np.full(big_height * big_width, np.inf)
    winner = np.full(big_height * big_width, -1, dtype=np.int64)
    weights = np.zeros((big_height * big_width, 3))
    smaller, largest = 0, 2
    while seen.any() and smaller < side[seen].max():
        chosen = np.flatnonzero(seen & (side > smaller) & (side <= largest))
        step = max(1, 400_000 // largest**2)
        for start in range(0, len(chosen), step):
            part = chosen[start : start + step]
            _draw(part, corners, area, low, largest, (big_height, big_width), nearest, winner, weights)
        smaller, largest = largest, largest * 2
    covered = np.flatnonzero(winner >= 0)
    flat = np.zeros((big_height * big_width, 4), np.float32)
    if len(covered):
        triple = faces[winner[covered]]
        normal = np.einsum("nk,nkc->nc", weights[covered], normals[triple])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        flat[covered, :3] = _lit(normal, colour)
        flat[covered, 3] = 255
    picture = flat.reshape(big_height, big_width, 4)
    if samples > 1:
        picture[..., :3] *= picture[..., 3:] / 255
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture[..., :3] /= np.maximum(picture[..., 3:] / 255, 1e-3)
    return np.asarray(np.clip(np.round(picture), 0, 255), dtype=np.uint8)


def _draw(
    part: NDArray[np.intp],
    corners: Floats,
    area: Floats,
    low: Floats,
    side: int,
    size: tuple[int, int],
    nearest: Floats,
    winner: NDArray[np.int64],
    weights: Floats,
) -> None:
    """Test the side×side pixels round each triangle and keep what is nearer than what is there."""
    height, width = size
    offsets = np.arange(side)
    x = low[part, 0][:, None, None] + offsets[None, None, :]
    y = low[part, 1][:, None, None] + offsets[None, :, None]
    a, b, c = (corners[part, k][:, None, None, :] for k in range(3))
    px, py = x + 0.5, y + 0.5
    total = area[part][:, None, None]
    wb = ((px - a[..., 0]) * (c[..., 1] - a[..., 1]) - (py - a[..., 1]) * (c[..., 0] - a[..., 0])) / total
    wc = ((b[..., 0] - a[..., 0]) * (py - a[..., 1]) - (b[..., 1] - a[..., 1]) * (px - a[..., 0])) / total
    wa = 1 - wb - wc
    slack = -1e-6  # inclusive edges: neighbours overlap rather than leave pinholes
    inside = (wa >= slack) & (wb >= slack) & (wc >= slack)
    inside &= (px > 0) & (px < width) & (py > 0) & (py < height)
    triangle, row, column = np.nonzero(inside)
    if not len(triangle):
        return
    wa, wb, wc = wa[inside], wb[inside], wc[inside]
    number = part[triangle]
    depth = wa * corners[number, 0, 2] + wb * corners[number, 1, 2] + wc * corners[number, 2, 2]
    cell = ((low[number, 1].astype(int) + row) * width + low[number, 0].astype(int) + column).astype(np.int64)
    order = np.argsort(-depth, kind="stable")  # of several writes to a cell the last, nearest one stays
    order = order[depth[order] < nearest[cell[order]]]
    cell, chosen = cell[order], order
    nearest[cell] = depth[chosen]
    winner[cell] = number[chosen]
    weights[cell] = np.stack([wa[chosen], wb[chosen], wc[chosen]], axis=1)


def _lit(normal: Floats, colour: tuple[int, int, int]) -> Floats:
    """Half-Lambert light from the upper left, a little sheen, and a darker rim that sets the body off."""
    towards = normal @ LIGHT
    diffuse = (0.5 + 0.5 * towards.clip(-1, 1)) ** 1.6
    rim = (1 - np.abs(normal[:, 2])) ** 3
    sheen = 0.22 * (normal @ HALFWAY).clip(0) ** 24
    base = np.array(colour, dtype=np.float64)[None]
    return base * (AMBIENT + (1 - AMBIENT) * diffuse - 0.25 * rim)[:, None].clip(0.1) + 255 * sheen[:, None]
