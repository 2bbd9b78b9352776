"""Volumes to joints, markers and mesh, all of it differentiable.

The soft-argmax and the marker-to-mesh step follow VirtualMarker (arXiv 2303.11726). Two things differ.
A voxel's index i of n stands at i/(n-1) - 0.5: at i/n - 0.5, as there, nothing could ever lie at +0.5,
where the soles of the feet are. And a confidence is read by trilinear interpolation at the expected
position, not at an index cut to an integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

from .refine import PoseRefiner

__all__ = ["ALPHA", "JOINTS", "MARKERS", "MESH_DECODERS", "POINTS", "BodyDecoder", "Reconstruction", "locate"]

JOINTS = 24  # SMPL's
MARKERS = 64  # virtual markers on the surface
POINTS = JOINTS + MARKERS
ALPHA = 15.0  # sharpness of the softmax over a volume
MESH_DECODERS = ("linear", "confidence")


@dataclass(frozen=True)
class Reconstruction:
    """The body in N frames: x to the right, y down, z away from the camera, in silhouette heights.

    joints: N×24×3. markers: N×64×3. vertices: N×V×3. confidences: N×88, 0-1, joints first.
    """

    joints: Tensor
    markers: Tensor
    vertices: Tensor
    confidences: Tensor


def locate(volumes: Tensor, alpha: float = ALPHA) -> tuple[Tensor, Tensor]:
    """Volumes N×J×D×H×W to expected positions N×J×3 (x, y, z in [-0.5, 0.5]) and confidences N×J.

    The position is the expectation under softmax(alpha·volume) over all voxels; the confidence is that
    softmax, interpolated at the position: near 1 for one sharp peak, near 0 for a spread-out volume.
    """
    count, points, depth, height, width = volumes.shape
    # As the network leaves them in memory, points run fastest: nothing is moved, and no volume is copied.
    voxels = volumes.permute(0, 3, 4, 2, 1).reshape(count, -1, points)
    grid = _grid(depth, height, width, volumes.device)
    with torch.autocast(volumes.device.type, enabled=False):
        mass = (alpha * voxels).softmax(1)  # in the precision of the volumes
        positions = (grid.T.to(mass.dtype) @ mass).transpose(1, 2).float()
        return positions, _sampled(mass, positions, depth, height, width)


def _grid(depth: int, height: int, width: int, device: torch.device) -> Tensor:
    """(H·W·D)×3: x, y, z of every voxel."""
    y, x, z = torch.meshgrid(
        *(torch.linspace(-0.5, 0.5, n, device=device) for n in (height, width, depth)), indexing="ij"
    )
    return torch.stack((x, y, z), -1).reshape(-1, 3)


def _sampled(mass: Tensor, positions: Tensor, depth: int, height: int, width: int) -> Tensor:
    """N×(H·W·D)×J, read by trilinear interpolation at N×J×3: N×J."""
    last = positions.new_tensor([width - 1, height - 1, depth - 1])
    place = ((positions + 0.5) * last).clamp(min=0).minimum(last)
    low = place.floor().minimum((last - 1).clamp(min=0))
    part = place - low
    found = torch.zeros_like(positions[..., 0])
    for corner in product((0, 1), repeat=3):
        step = positions.new_tensor(corner)
        x, y, z = (low + step).minimum(last).long().unbind(-1)
        share = (step * part + (1 - step) * (1 - part)).prod(-1)
        found = found + share * mass.gather(1, ((y * width + x) * depth + z)[:, None])[:, 0]
    return found


class BodyDecoder(nn.Module):
    """Volumes to a Reconstruction. For training and rendering; recognition never has one.

    marker_decoder: 64×V, the mesh as a fixed linear combination of the markers (it belongs to the body,
    not to the network, and is not saved with it), or None when there is no such body.
    mesh: "linear" applies just that; V is 0 without one. "confidence" adds what one linear layer makes of
    the 88 confidences, a V×88 matrix applied to all 88 points, zero at first: (88 + 1)·88·V parameters,
    54 million for 6890 vertices.
    detach_before_mesh: stop the mesh's gradient before the volumes, as VirtualMarker does. refiner: channels
    of a PoseRefiner, which corrects points over time where whole walks are decoded; 0 for none.
    """

    base: Tensor | None

    def __init__(
        self,
        marker_decoder: Tensor | None = None,
        *,
        mesh: str = "linear",
        vertices: int = 6890,
        alpha: float = ALPHA,
        detach_before_mesh: bool = False,
        refiner: int = 0,
    ) -> None:
        super().__init__()
        if mesh not in MESH_DECODERS:
            raise ValueError(f"unknown mesh decoder {mesh!r}: use one of {', '.join(MESH_DECODERS)}")
        if marker_decoder is not None and (marker_decoder.ndim != 2 or len(marker_decoder) != MARKERS):
            raise ValueError(f"a marker decoder is 64×V, not {tuple(marker_decoder.shape)}")
        self.register_buffer("base", marker_decoder, persistent=False)
        self.alpha, self.detach_before_mesh = alpha, detach_before_mesh
        self.vertices = vertices if marker_decoder is None else marker_decoder.shape[1]
        self.correction: nn.Linear | None = None
        if mesh == "confidence":
            self.correction = nn.Linear(POINTS, self.vertices * POINTS)
            nn.init.zeros_(self.correction.weight)
            nn.init.zeros_(self.correction.bias)
        self.refiner = PoseRefiner(refiner, POINTS) if refiner else None

    def forward(self, volumes: Tensor) -> Reconstruction:
        """volumes: N×88×D×H×W, unnormalised."""
        points, confidences = locate(volumes, self.alpha)
        with torch.autocast(volumes.device.type, enabled=False):
            vertices = self._mesh(points, confidences)
        return Reconstruction(points[:, :JOINTS], points[:, JOINTS:], vertices, confidences)

    def _mesh(self, points: Tensor, confidences: Tensor) -> Tensor:
        if self.detach_before_mesh:
            points, confidences = points.detach(), confidences.detach()
        mesh = points.new_zeros(len(points), 0 if self.correction is None else self.vertices, 3)
        if self.base is not None:
            mesh = torch.einsum("nmc,mv->nvc", points[:, JOINTS:], self.base)
        if self.correction is not None:
            mix = self.correction(confidences).unflatten(1, (self.vertices, POINTS))
            mesh = mesh + mix @ points
        return mesh
