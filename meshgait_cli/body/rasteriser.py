"""Silhouettes of many posed bodies at once, in torch, on whichever device the vertices are.

The outline of a closed mesh is the set of edges between a face that looks at the camera and one that
does not. Seen as directed curves, these edges wind once round a pixel for each front-facing layer
above it, and not at all round the pixels beside the body. So it is enough to find, for each pixel row,
where the outline crosses it, and to sum the crossings from left to right: a pixel is covered where
the sum is not nought. Only some tenth of the edges are ever drawn, there are no seams between
triangles to leave pinholes in, and the result is that of filling every triangle exactly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["Outline", "silhouettes"]


class Outline:
    """Draws silhouettes of one mesh topology: `Outline(faces)(vertices_2d, height, width)`.

    faces: F×3, consistently wound. An open mesh is closed by giving it a back: each of its faces
    is added again with the opposite winding.
    """

    def __init__(self, faces: Tensor | np.ndarray) -> None:
        faces = torch.as_tensor(faces).long().cpu()
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise ValueError(f"faces must be F×3, not {tuple(faces.shape)}")
        table = _edges(faces)
        if table is None:
            faces = torch.cat([faces, faces.flip(1)])
            table = _edges(faces, paired=False)
            assert table is not None
        # Columns of their own: taking rows by a contiguous index is twice as fast.
        self.corners, self.ends, self.sides = (
            tuple(column.contiguous() for column in part.unbind(1)) for part in (faces, *table)
        )

    def to(self, device: torch.device) -> Outline:
        if self.corners[0].device != device:
            for name in ("corners", "ends", "sides"):
                setattr(self, name, tuple(column.to(device) for column in getattr(self, name)))
        return self

    def __call__(
        self, vertices_2d: Tensor | np.ndarray, height: int, width: int, samples: int = 1, chunk: int = 256
    ) -> Tensor:
        """Draw N silhouettes.

        vertices_2d: N×V×2 (or more columns, ignored) pixel coordinates, x right, y down, (0, 0) the
        corner of the top-left pixel; may lie outside the picture. samples: sub-samples along each
        side of a pixel; 1 gives hard edges (0 or 255), more give grey ones. chunk: bodies drawn at a time.
        Returns N×height×width uint8. Every point must be in front of the camera.
        """
        points = torch.as_tensor(vertices_2d)[..., :2].float()
        if not bool(torch.isfinite(points).all()):
            raise ValueError("vertices must be finite")
        self.to(points.device)
        out = torch.empty((len(points), height, width), dtype=torch.uint8, device=points.device)
        for start in range(0, len(points), chunk):
            part = points[start : start + chunk]
            if samples == 1:
                torch.mul(self._cover(part, height, width), 255, out=out[start : start + chunk])
                continue
            covered = self._cover(part * samples, height * samples, width * samples)
            hits = torch.zeros_like(out[start : start + chunk])
            for i in range(samples):
                for j in range(samples):
                    hits += covered[:, i::samples, j::samples]
            grey = torch.arange(samples**2 + 1, device=points.device) * 255 / samples**2
            out[start : start + chunk] = grey.round().to(torch.uint8)[hits.int()]
        return out

    def _cover(self, points: Tensor, height: int, width: int) -> Tensor:
        """N×height×width uint8: 1 at pixels whose centre some face covers."""
        n, device = len(points), points.device
        out = torch.zeros((n, height, width), dtype=torch.uint8, device=device)
        # Bodies last, so that taking a vertex or a face takes one contiguous row.
        xy = torch.cat([points[..., 0].T, points[..., 1].T], dim=1)  # V×2N
        a, b, c = (xy.index_select(0, corner) for corner in self.corners)
        (bx, by), (cx, cy) = b.sub_(a).split(n, dim=1), c.sub_(a).split(n, dim=1)
        front = bx * cy > cx * by
        left, right = (front.index_select(0, side) for side in self.sides)
        outline = left != right  # E×N
        at = _true(outline)
        edge = torch.repeat_interleave(outline.sum(1))
        body = at - edge * n
        sign = left.view(-1).index_select(0, at).to(torch.int8) * 2 - 1
        x0, y0, x1, y1 = (
            xy.view(-1).index_select(0, end.index_select(0, edge) * (2 * n) + body + along)
            for end in self.ends
            for along in (0, n)
        )
        # Draw every edge downwards, so that both ends of a shared vertex round alike.
        flip = y0 > y1
        sign = torch.where(flip, -sign, sign)
        x0, x1 = torch.where(flip, x1, x0), torch.where(flip, x0, x1)
        y0, y1 = torch.minimum(y0, y1), torch.maximum(y0, y1)
        first = (y0 - 0.5).ceil().clamp(0, height).long()  # rows whose centre the edge spans
        last = (y1 - 0.5).ceil().clamp(0, height).long()
        rows = last - first
        which = torch.repeat_interleave(rows)
        if not len(which):
            return out
        number = torch.arange(len(which), device=device)
        before = rows.cumsum(0) - rows - first
        row = number - before.index_select(0, which)
        slope = (x1 - x0) / (y1 - y0).clamp(min=1e-12)
        down = (row + 0.5).sub_(y0.index_select(0, which))
        crossing = down.mul_(slope.index_select(0, which)).add_(x0.index_select(0, which))
        column = (crossing - 0.5).ceil().clamp(0, width).long()
        # Only where anybody is.
        top, bottom = int(first.min()), int(last.max())
        near, far = int(column.min()), int(column.max())
        tall, wide = bottom - top, far - near + 1
        cell = number * wide + column + ((body * tall - before - top) * wide - near).index_select(0, which)
        # Bytes are enough: the sums are right modulo 256, and a body has far fewer layers than that.
        winding = torch.zeros(n * tall * wide, dtype=torch.int8, device=device)
        winding.index_add_(0, cell, sign.index_select(0, which))
        inside = winding.view(n, tall, wide)[..., :-1].cumsum(2, dtype=torch.int8) != 0
        out[:, top:bottom, near:far] = inside
        return out


def _true(mask: Tensor) -> Tensor:
    """Where a bool tensor is true, counted through its rows."""
    if mask.device.type == "cpu":  # several times faster than torch.nonzero
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return torch.nonzero(mask.view(-1))[:, 0]


def _edges(faces: Tensor, paired: bool = True) -> tuple[Tensor, Tensor] | None:
    """E×2 vertex pairs (a, b) and E×2 faces: the one that holds a→b, the one that holds b→a.

    None when some edge has no partner, or more than one, and `paired` asks for exactly one. Without
    it, the two sides are matched in order of appearance, which is right for a doubled mesh.
    """
    count = len(faces)
    directed = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    owner = torch.arange(count).repeat(3)
    size = int(faces.max()) + 1 if count else 1
    low, high = directed.min(1).values, directed.max(1).values
    forward = directed[:, 0] < directed[:, 1]
    key = low * size + high
    ahead, back = torch.nonzero(forward)[:, 0], torch.nonzero(~forward)[:, 0]
    ahead = ahead[torch.argsort(key[ahead], stable=True)]
    back = back[torch.argsort(key[back], stable=True)]
    if len(ahead) != len(back) or not torch.equal(key[ahead], key[back]):
        return None
    if paired and len(torch.unique(key[ahead])) != len(ahead):
        return None
    return torch.stack([low[ahead], high[ahead]], dim=1), torch.stack([owner[ahead], owner[back]], dim=1)


def silhouettes(
    vertices_2d: Tensor | np.ndarray, faces: Tensor | np.ndarray, height: int, width: int, samples: int = 1
) -> Tensor:
    """N×height×width uint8 silhouettes of one mesh in N poses; see `Outline`, which is faster when kept."""
    return Outline(faces)(vertices_2d, height, width, samples)
