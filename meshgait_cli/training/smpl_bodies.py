"""SMPL labels to what a network is taught: joints and markers in silhouette units.

A label is Gait3D's: 85 numbers a frame, camera 3 (scale, tx, ty), pose 72 (axis-angle, the root turned into
the camera's frame: x right, y down, z away), betas 10. The camera is weak-perspective: one scale and a shift
in the picture, both of which drop out where a body is placed by its own outline, so that they are not needed.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..body import open_body
from ..body.fit import bone_scale, rotations_from_joints
from ..body.model import BodyModel
from ..body.rasteriser import Outline
from ..errors import BodyError
from ..records import HEIGHT

__all__ = ["CAMERA", "LABEL", "SmplBodies", "marker_vertices"]

CAMERA, POSE, BETAS = 3, 72, 10
LABEL = CAMERA + POSE + BETAS
_ROWS = 2 * HEIGHT  # in which a body is drawn to find the middle of its outline
_CHUNK = 64  # frames posed at a time
_HEAD, _FEET = 15, [7, 8]


def marker_vertices(body: BodyModel) -> NDArray[np.int64]:
    """(64,) the vertices of a body of other vertex order that stand for the open body's markers.

    The open body is brought into the other's T-pose by their joints: scaled as a whole, its bones turned in
    the other's directions, and each marker moved by what is left between the joints that it hangs on. Of the
    other's template the vertex nearest to each is taken.
    """
    ours = open_body.load()
    rest, goal = ours.rest_joints.double().numpy(), body.rest_joints.double().cpu().numpy()
    scale = bone_scale(goal[None], rest)
    posed = ours.pose(torch.from_numpy(rotations_from_joints(goal[None], rest)).float())
    own = open_body.marker_vertices()
    markers = scale * posed.vertices[0].double().numpy()[own]
    weights = ours.weights.double().numpy()[own]
    markers = markers + weights @ (goal - scale * posed.joints[0].double().numpy())
    template = body.v_template.double().cpu().numpy()
    distance = np.linalg.norm(markers[:, None] - template[None], axis=-1)
    return distance.argmin(1).astype(np.int64)


class SmplBodies:
    """Places labelled bodies as the product places silhouettes: `SmplBodies(body)(labels)`.

    Raises BodyError when the body takes fewer shape numbers than a label has.
    """

    def __init__(self, body: BodyModel, device: torch.device | str = "cpu") -> None:
        if body.beta_count < BETAS:
            raise BodyError(f"this SMPL file has {body.beta_count} shape numbers, and labels have {BETAS}")
        self.body = body.to(device)
        self.device = torch.device(device)
        self.outline = Outline(body.faces)
        self.markers = torch.from_numpy(marker_vertices(body)).to(device)

    @torch.no_grad()
    def __call__(self, labels: NDArray[np.floating]) -> NDArray[np.float32]:
        """T×85 labels to T×88×3 (24 joints, 64 markers): x right and y down from the silhouette's centre,
        z away from the camera from the pelvis, one unit the body's height in the picture.

        Raises BodyError for bodies that stand on their heads: their y points up.
        """
        whole = torch.as_tensor(np.asarray(labels, np.float32), device=self.device)
        parts = [self._placed(whole[start : start + _CHUNK]) for start in range(0, len(whole), _CHUNK)]
        points = torch.cat(parts).cpu().numpy()
        if np.median(points[:, _HEAD, 1] - points[:, _FEET, 1].mean(1)) > 0:
            raise BodyError("its bodies stand on their heads: labels are in the camera's frame, y down")
        return points

    def _placed(self, labels: torch.Tensor) -> torch.Tensor:
        pose, betas = labels[:, CAMERA : CAMERA + POSE], labels[:, CAMERA + POSE :]
        posed = self.body.pose(pose.reshape(-1, 24, 3), betas)
        vertices, joints = posed.vertices, posed.joints
        top, bottom = vertices[..., 1].amin(1), vertices[..., 1].amax(1)
        unit = 1 / (bottom - top).clamp(min=1e-6)
        centre = self._centres(vertices[..., :2], top, unit)
        points = torch.cat([joints, vertices[:, self.markers]], dim=1)
        origin = torch.stack([centre, (top + bottom) / 2, joints[:, 0, 2]], dim=1)
        return (points - origin[:, None]) * unit[:, None, None]

    def _centres(self, flat: torch.Tensor, top: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        """N×V×2 metres to the N x that become the silhouettes' middle.

        OpenGait counts from the left edge of the column in which half of the mass is reached: on average half
        a column to the left of where it is reached, whatever way the picture's columns fall.
        """
        left = flat[..., 0].amin(1)
        scale = _ROWS * unit
        pixels = (flat - torch.stack([left, top], 1)[:, None]) * scale[:, None, None]
        # Bodies that lie along the picture are wider than tall; what goes beyond is no walker.
        width = int(pixels[..., 0].amax().clamp(max=4 * _ROWS).ceil()) + 1
        columns = self.outline(pixels, _ROWS, width).gt(0).sum(1).float()
        reached = columns.cumsum(1)
        half = reached[:, -1:] / 2
        column = (reached > half).float().argmax(1, keepdim=True)
        own = columns.gather(1, column)
        before = reached.gather(1, column) - own
        median = (column + (half - before) / own.clamp(min=1))[:, 0]
        return left + (median - 0.5 * _ROWS / HEIGHT) / scale
