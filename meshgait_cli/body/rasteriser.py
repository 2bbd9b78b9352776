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
        self.faces = faces
        self.ends, self.sides = table

    def to(self, device: torch.device) -> Outline:
        if self.faces.device != device:
            self.faces, self.ends = self.faces.to(device), self.ends.to(device)
            self.sides = self.sides.to(device)
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
            part = points[start : start + chunk] * samples
            covered = self._cover(part, height * samples, width * samples)
            hits = torch.zeros_like(out[start : start + chunk])
            for i in range(samples):
                for j in range(samples):
                    hits += covered[:, i::samples, j::samples]
            grey = torch.arange(samples**2 + 1, device=points.device) * 255 / samples**2
            out[start : start + chunk] = (
                grey.round().to(torch.uint8)[hits.int()] if samples > 1 else hits * 255
            )
        return out

    def _cover(self, points: Tensor, height: int, width: int) -> Tensor:
        """N×height×width bool: pixels whose centre some face covers."""
        n = len(points)
        # Bodies last, so that taking a vertex or a face takes one contiguous row.
        x, y = points[..., 0].T.contiguous(), points[..., 1].T.contiguous()
        a, b, c = self.faces.unbind(1)
        xa, ya = x[a], y[a]
        front = (x[b] - xa) * (y[c] - ya) > (x[c] - xa) * (y[b] - ya)
        left, right = front[self.sides[:, 0]], front[self.sides[:, 1]]
        edge, body = torch.nonzero(left != right, as_tuple=True)
        sign = left[edge, body].to(torch.int8) * 2 - 1
        start, end = self.ends[edge, 0], self.ends[edge, 1]
        x0, y0, x1, y1 = x[start, body], y[start, body], x[end, body], y[end, body]
        # Draw every edge downwards, so that both ends of a shared vertex round alike.
        flip = y0 > y1
        sign = torch.where(flip, -sign, sign)
        x0, x1 = torch.where(flip, x1, x0), torch.where(flip, x0, x1)
        y0, y1 = torch.where(flip, y1, y0), torch.where(flip, y0, y1)
        first = (y0 - 0.5).ceil().clamp(0, height).long()  # rows whose centre the edge spans
        last = (y1 - 0.5).ceil().clamp(0, height).long()
        rows = last - first
        which = torch.repeat_interleave(rows)
        step = torch.arange(len(which), device=points.device) - (rows.cumsum(0) - rows)[which]
        row = first[which] + step
        slope = (x1 - x0) / (y1 - y0).clamp(min=1e-12)
        crossing = x0[which] + (row + 0.5 - y0[which]) * slope[which]
        column = (crossing - 0.5).ceil().clamp(0, width).long()
        cell = (body[which] * height + row) * (width + 1) + column
        # Bytes are enough: the sums are right modulo 256, and a body has far fewer layers than that.
        winding = torch.zeros(n * height * (width + 1), dtype=torch.int8, device=points.device)
        winding.index_add_(0, cell, sign[which])
        return winding.view(n, height, width + 1)[..., :width].cumsum(2, dtype=torch.int8) != 0


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
