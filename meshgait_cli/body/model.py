"""A body in SMPL's format: a template, shape directions, 24 joints and linear blend skinning.

Follows Loper et al., "SMPL: a skinned multi-person linear model" (SIGGRAPH Asia 2015). Everything is
torch, float32, differentiable, and runs where its tensors are (`to`). Metres, y up, x to the
person's left, z forward, T-pose at rest.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["JOINT_NAMES", "PARENTS", "BodyModel", "PosedBody", "ShapedBody", "rotation_matrices"]

# SMPL's tree; a parent always comes before its children.
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_NAMES = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar"),
    *("right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_hand", "right_hand"),
)

Array = NDArray[np.floating] | Tensor


def _levels() -> tuple[list[tuple[list[int], list[int], list[int]]], list[int]]:
    """The tree by depth, below the pelvis: joints, their parents, and those parents' places among the level
    above. And where each joint stands when the levels are laid end to end."""
    levels, above, order = [], [0], [0]
    while len(order) < len(PARENTS):
        joints = [joint for joint, parent in enumerate(PARENTS) if parent in above]
        parents = [PARENTS[joint] for joint in joints]
        levels.append((joints, parents, [above.index(parent) for parent in parents]))
        order, above = order + joints, joints
    return levels, [order.index(joint) for joint in range(len(PARENTS))]


# A level at a time: nine steps along the tree instead of 24.
_LEVELS, _IN_ORDER = _levels()


def rotation_matrices(axis_angle: Tensor) -> Tensor:
    """…×3 axis-angle (radians) to …×3×3 rotation matrices, by Rodrigues' formula.

    Differentiable everywhere, zero included.
    """
    square = (axis_angle * axis_angle).sum(-1)
    small = square < 1e-8
    safe = torch.where(small, torch.ones_like(square), square)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - square / 6, angle.sin() / angle)  # sin θ / θ
    versine = torch.where(small, 0.5 - square / 24, (1 - angle.cos()) / safe)  # (1 − cos θ) / θ²
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return eye + sine[..., None, None] * skew + versine[..., None, None] * (skew @ skew)


@dataclass(frozen=True, slots=True, eq=False)
class PosedBody:
    """vertices: N×V×3, joints: N×24×3; float32, metres."""

    vertices: Tensor
    joints: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class BodyModel:
    """A body that can take a shape and a pose.

    v_template: V×3. shapedirs: V×3×B, one direction per shape number (beta, unit standard deviation).
    weights: V×24, rows sum to 1. faces: F×3 int32, outward. rest_joints: 24×3, the template's joints.
    joint_shapedirs: 24×3×B, how they move with the betas. joint_regressor: 24×V, or None where the
    vertices are too few to give the joints (a proxy). posedirs: V×3×207 pose corrections, or None.
    proxy_vertices, proxy_faces: the vertex subset (P) and the faces (Q×3, numbered within the subset)
    of a low-polygon stand-in, or None.
    """

    v_template: Tensor
    shapedirs: Tensor
    weights: Tensor
    faces: Tensor
    rest_joints: Tensor
    joint_shapedirs: Tensor
    joint_regressor: Tensor | None = None
    posedirs: Tensor | None = None
    proxy_vertices: Tensor | None = None
    proxy_faces: Tensor | None = None

    @property
    def parents(self) -> tuple[int, ...]:
        return PARENTS

    @property
    def vertex_count(self) -> int:
        return len(self.v_template)

    @property
    def beta_count(self) -> int:
        return self.shapedirs.shape[-1]

    def to(self, device: torch.device | str) -> BodyModel:
        """The same body with its tensors on another device."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            moved[field.name] = None if value is None else value.to(device)
        return BodyModel(**moved)

    def proxy(self) -> BodyModel:
        """The low-polygon stand-in: same joints, shape and pose, a subset of the vertices.

        Raises ValueError where the body has none.
        """
        if self.proxy_vertices is None or self.proxy_faces is None:
            raise ValueError("this body has no low-polygon proxy")
        kept = self.proxy_vertices.long()
        return replace(
            self,
            v_template=self.v_template[kept],
            shapedirs=self.shapedirs[kept],
            weights=self.weights[kept],
            faces=self.proxy_faces,
            joint_regressor=None,
            posedirs=None if self.posedirs is None else self.posedirs[kept],
            proxy_vertices=None,
            proxy_faces=None,
        )

    def shape(self, betas: Array | None = None) -> ShapedBody:
        """This body with one person's shape: betas (≤B,), missing ones nought; None is the mean."""
        if betas is None:
            return ShapedBody(self, self.v_template, self.rest_joints)
        beta = self._tensor(betas)
        if beta.ndim != 1 or len(beta) > self.beta_count:
            raise ValueError(f"betas must be at most {self.beta_count} numbers, not {tuple(beta.shape)}")
        template = self.v_template + self.shapedirs[..., : len(beta)] @ beta
        return ShapedBody(self, template, self.rest_joints + self.joint_shapedirs[..., : len(beta)] @ beta)

    def pose(
        self, rotations: Array, betas: Array | None = None, translation: Array | None = None
    ) -> PosedBody:
        """Pose N bodies.

        rotations: N×24×3 axis-angle or N×24×3×3 matrices, each relative to the parent joint.
        betas: (≤B,) one shape for all, or N×≤B; None is the mean shape. translation: N×3 metres,
        added to everything (the pelvis sits near the origin at rest).
        """
        beta = None if betas is None else self._tensor(betas)
        if beta is None or beta.ndim == 1:
            return self.shape(beta).pose(rotations, translation)
        k = beta.shape[1]
        template = self.v_template + torch.einsum("vck,nk->nvc", self.shapedirs[..., :k], beta)
        rest = self.rest_joints + torch.einsum("jck,nk->njc", self.joint_shapedirs[..., :k], beta)
        return _skin(self, template, rest, self._tensor(rotations), self._optional(translation))

    def joints_of(self, vertices: Array) -> Tensor:
        """The 24 joints that the regressor reads off …×V×3 vertices. ValueError for a proxy."""
        if self.joint_regressor is None:
            raise ValueError("a proxy has too few vertices to give the joints")
        return self.joint_regressor @ self._tensor(vertices)

    def _tensor(self, values: Array) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.v_template.device)

    def _optional(self, values: Array | None) -> Tensor | None:
        return None if values is None else self._tensor(values)


class ShapedBody:
    """One person's body, ready to be posed many times: `BodyModel.shape`.

    template: V×3 and rest_joints: 24×3, at rest.
    """

    def __init__(self, model: BodyModel, template: Tensor, rest_joints: Tensor) -> None:
        self.model = model
        self.template = template
        self.rest_joints = rest_joints
        # Skinning is linear in the joint transforms, so for a fixed shape it is one matrix product:
        # vertex[v, c] = Σ_jk  weights[v, j] · rest[v, k] · transform[j, c, k]
        rest = torch.cat([template, torch.ones_like(template[:, :1])], dim=1)
        self._basis = (model.weights[:, :, None] * rest[:, None, :]).flatten(1).T.contiguous()  # 96×V

    @property
    def faces(self) -> Tensor:
        return self.model.faces

    def pose(self, rotations: Array, translation: Array | None = None) -> PosedBody:
        """Pose N times; arguments as in `BodyModel.pose`."""
        model = self.model
        turned = _as_matrices(model._tensor(rotations))
        moved = model._optional(translation)
        if model.posedirs is not None:
            n = len(turned)
            template, rest = self.template.expand(n, -1, -1), self.rest_joints.expand(n, -1, -1)
            return _skin(model, template, rest, turned, moved)
        transforms, joints = _kinematics(turned, self.rest_joints, moved)
        flat = transforms.permute(0, 2, 1, 3).flatten(2)  # N×3×96
        vertices = (flat @ self._basis).transpose(1, 2).contiguous()
        return PosedBody(vertices, joints)


def _as_matrices(rotations: Tensor) -> Tensor:
    if rotations.ndim == 3 and rotations.shape[1:] == (24, 3):
        return rotation_matrices(rotations)
    if rotations.ndim == 4 and rotations.shape[1:] == (24, 3, 3):
        return rotations
    raise ValueError(f"rotations must be N×24×3 or N×24×3×3, not {tuple(rotations.shape)}")


def _kinematics(rotations: Tensor, rest: Tensor, translation: Tensor | None) -> tuple[Tensor, Tensor]:
    """Joint transforms and positions along the tree.

    rotations: N×24×3×3. rest: 24×3 or N×24×3. Returns N×24×3×4 (rest space to posed space), N×24×3.
    """
    rest = rest.expand(len(rotations), -1, -1)
    pelvis = rest[:, :1] if translation is None else rest[:, :1] + translation[:, None]
    turned, placed = [rotations[:, :1]], [pelvis]
    for joints_of, parents_of, above in _LEVELS:
        parent = turned[-1][:, above]
        bone = (rest[:, joints_of] - rest[:, parents_of])[..., None]
        placed.append(placed[-1][:, above] + (parent @ bone)[..., 0])
        turned.append(parent @ rotations[:, joints_of])
    globals_, joints = torch.cat(turned, dim=1)[:, _IN_ORDER], torch.cat(placed, dim=1)[:, _IN_ORDER]
    offset = joints - (globals_ @ rest[..., None])[..., 0]
    return torch.cat([globals_, offset[..., None]], dim=-1), joints


def _skin(
    model: BodyModel, template: Tensor, rest: Tensor, rotations: Tensor, translation: Tensor | None
) -> PosedBody:
    """Linear blend skinning with a shape for each of N bodies (template: N×V×3, rest: N×24×3)."""
    rotations = _as_matrices(rotations)
    if model.posedirs is not None:
        eye = torch.eye(3, device=rotations.device)
        feature = (rotations[:, 1:] - eye).flatten(1)  # N×207
        template = template + torch.einsum("vck,nk->nvc", model.posedirs, feature)
    transforms, joints = _kinematics(rotations, rest, translation)
    blended = torch.einsum("vj,njab->nvab", model.weights, transforms)
    vertices = (blended[..., :3] @ template[..., None])[..., 0] + blended[..., 3]
    return PosedBody(vertices, joints)
