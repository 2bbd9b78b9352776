"""Half-edge collapse: fewer triangles, every surviving vertex an old one.

Keeping a subset of the vertices (rather than placing new ones) means that skinning weights, shape
directions and markers carry over by indexing. Costs are the quadric error metric of Garland and
Heckbert (SIGGRAPH 1997). Pure Python and slow (tens of seconds): it runs when the body is built.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

__all__ = ["collapse"]

MIN_NORMAL_COSINE = 0.2  # a collapse may not turn a face further than this


def _quadrics(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """V×4×4: the summed, area-weighted plane quadrics around each vertex."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    normals /= np.maximum(areas, 1e-15)[:, None]
    planes = np.concatenate([normals, -(normals * corners[:, 0]).sum(1, keepdims=True)], axis=1)
    outer = planes[:, :, None] * planes[:, None, :] * areas[:, None, None]
    quadrics = np.zeros((len(vertices), 4, 4))
    for corner in range(3):
        np.add.at(quadrics, faces[:, corner], outer)
    return quadrics


class _Mesh:
    """The mesh while it is being collapsed, with the faces around each vertex."""

    def __init__(self, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
        self.vertices = vertices
        self.faces = faces.copy()
        self.face_alive = np.ones(len(faces), dtype=bool)
        self.around: list[set[int]] = [set() for _ in range(len(vertices))]
        for i, face in enumerate(faces):
            for v in face:
                self.around[v].add(i)

    def neighbours(self, vertex: int) -> set[int]:
        return {int(x) for i in self.around[vertex] for x in self.faces[i]} - {vertex}

    def may_collapse(self, gone: int, kept: int) -> bool:
        """Whether moving `gone` onto `kept` keeps the surface a manifold and flips no face."""
        near, far = self.neighbours(gone), self.neighbours(kept)
        if kept not in near or len(near & far) != 2:
            return False
        if len(near) == len(far) == 3:  # a tetrahedron, which has nothing to give
            return False
        for i in self.around[gone]:
            face = self.faces[i]
            if kept in face:
                continue
            before = self.vertices[face]
            after = self.vertices[np.where(face == gone, kept, face)]
            old = np.cross(before[1] - before[0], before[2] - before[0])
            new = np.cross(after[1] - after[0], after[2] - after[0])
            size = float(np.linalg.norm(new))
            if size < 1e-10 or old @ new < MIN_NORMAL_COSINE * np.linalg.norm(old) * size:
                return False
        return True

    def collapse(self, gone: int, kept: int) -> None:
        for i in list(self.around[gone]):
            face = self.faces[i]
            if kept in face:
                self.face_alive[i] = False
                for v in face:
                    self.around[v].discard(i)
            else:
                self.faces[i] = np.where(face == gone, kept, face)
                self.around[kept].add(i)
        self.around[gone] = set()


def collapse(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], target: int, importance: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Collapse a closed mesh to `target` vertices.

    vertices: V×3. faces: F×3. importance: V, multiplies the cost of removing a vertex.
    Returns (kept, faces): the target surviving vertex indices, ascending, and the F'×3 faces,
    numbered among the survivors.
    """
    points = np.asarray(vertices, dtype=np.float64)
    mesh = _Mesh(points, np.asarray(faces, dtype=np.int64))
    quadrics = _quadrics(points, mesh.faces)
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    alive = np.ones(len(points), dtype=bool)
    version = np.zeros(len(points), dtype=np.int64)

    def entry(gone: int, kept: int) -> tuple[float, int, int, int, int]:
        at = homogeneous[kept]
        error = max(float(at @ (quadrics[gone] + quadrics[kept]) @ at), 0.0)
        length = float(((points[gone] - points[kept]) ** 2).sum())
        # The length keeps flat regions, where every error is nought, from making slivers.
        cost = (error + 1e-9 * length) * float(importance[gone])
        return cost, gone, kept, int(version[gone]), int(version[kept])

    directed = {(int(f[i]), int(f[(i + 1) % 3])) for f in mesh.faces for i in range(3)}
    heap = [entry(gone, kept) for gone, kept in sorted(directed)]
    heapq.heapify(heap)
    left = len(points)
    while left > target and heap:
        _, gone, kept, gone_version, kept_version = heapq.heappop(heap)
        stale = version[gone] != gone_version or version[kept] != kept_version
        if stale or not (alive[gone] and alive[kept]) or not mesh.may_collapse(gone, kept):
            continue
        mesh.collapse(gone, kept)
        alive[gone] = False
        quadrics[kept] += quadrics[gone]
        version[kept] += 1
        left -= 1
        for near in mesh.neighbours(kept):
            heapq.heappush(heap, entry(near, kept))
            heapq.heappush(heap, entry(kept, near))
    kept_indices = np.flatnonzero(alive)
    renumber = np.full(len(points), -1, dtype=np.int64)
    renumber[kept_indices] = np.arange(len(kept_indices))
    return kept_indices, renumber[mesh.faces[mesh.face_alive]]
