"""A dressed person in colour: the open body with its outfit as one closed mesh, posed and painted.

The outfits are those of `clothes`, which draws them as flat outlines; here close clothes inflate the whole
body, skirts and coats are tubes round trunk and legs, and hair, hats and bags are rounded solids. What is
skin, sleeve or shoe follows from where a point lies in the rest pose, so that hems stay with the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..body import open_body
from ..body.model import BodyModel, ShapedBody
from .clothes import Cloud, Outfit, inflate, normals_of
from .palette import BAG, BODY, COAT, HAIR, HAT, HOOD, SHIRT, SKIRT, TRESS, Cut, Palette
from .tube import Loft, solid, tube_faces

__all__ = ["Figure", "dress"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """faces: F×3, closed, outward. rest: V×3 metres in the rest pose, what the paint goes by. part: F, which
    of the palette's parts a face belongs to. palette: its colours. sole: metres of shoe below the foot."""

    shaped: ShapedBody
    body: int
    faces: NDArray[np.int64]
    rest: Floats
    part: NDArray[np.uint8]
    hanging: tuple[tuple[int, Array], ...]
    lofts: tuple[Loft, ...]
    palette: Palette
    sole: float

    def pose(self, rotations: Array, root: Array) -> tuple[Floats, Floats]:
        """rotations: T×24×3 axis-angle. root: T×3 metres. Returns T×V×3 vertices and T×24×3 joints."""
        moved = root + np.array([0, self.sole, 0])
        posed = self.shaped.pose(torch.from_numpy(rotations).float(), torch.from_numpy(moved).float())
        joints, vertices = posed.joints.numpy(), posed.vertices.numpy()
        more = [joints[:, joint, None] + points.astype(np.float32) for joint, points in self.hanging]
        more += [loft.rings(vertices[:, : self.body]) for loft in self.lofts]
        return np.concatenate([vertices, *more], axis=1), joints


@dataclass(frozen=True, slots=True, eq=False)
class _Skin:
    template: Array
    shapedirs: Array
    weights: Array
    normals: Array
    faces: NDArray[np.int64]


@lru_cache(maxsize=1)
def _skin() -> _Skin:
    body = open_body.load()
    template, faces = body.v_template.double().numpy(), body.faces.long().numpy()
    return _Skin(
        template=template,
        shapedirs=body.shapedirs.double().numpy(),
        weights=body.weights.double().numpy(),
        normals=normals_of(template, faces),
        faces=faces,
    )


def dress(betas: Array, outfit: Outfit, palette: Palette) -> Figure:
    """Put an outfit of `clothes` on a body of this shape. betas: 32 shape numbers."""
    skin = _skin()
    bare = skin.template + skin.shapedirs @ betas
    joints = open_body.load().shape(betas).rest_joints.double().numpy()
    ankle = float(joints[[7, 8], 1].mean())
    clothed = inflate(outfit, bare, skin.normals, skin.weights, ankle)
    riding = [cloud for cloud in outfit.clouds if not cloud.hangs]
    solids = [joints[cloud.joint] + solid(cloud.points) for cloud in riding]
    hanging = [(cloud.joint, solid(cloud.points)) for cloud in outfit.clouds if cloud.hangs]
    level = _levels(bare[:, 1], joints, ankle)
    trunk = skin.weights[:, 16:24].sum(1) <= 0.3
    lofts = [Loft.of(drape, level, trunk) for drape in outfit.drapes]
    pieces = [
        (clothed, skin.faces, BODY),
        *((points, tube_faces(len(points)), _kind(c)) for points, c in zip(solids, riding, strict=True)),
        *((joints[joint] + points, tube_faces(len(points)), BAG) for joint, points in hanging),
        *(
            (loft.unrolled(float(joints[0, 1])), tube_faces(loft.size), _cloth(drape.top))
            for loft, drape in zip(lofts, outfit.drapes, strict=True)
        ),
    ]
    starts = np.cumsum([0, *(len(points) for points, _, _ in pieces)])
    faces = np.concatenate([own + start for (_, own, _), start in zip(pieces, starts, strict=False)])
    part = np.concatenate([np.full(len(own), kind, np.uint8) for _, own, kind in pieces])
    ridden = [np.eye(24)[np.full(len(s), c.joint)] for s, c in zip(solids, riding, strict=True)]
    template = np.concatenate([clothed, *solids])
    model = BodyModel(
        v_template=torch.empty(0),
        shapedirs=torch.empty(0),
        weights=torch.from_numpy(np.concatenate([skin.weights, *ridden])).float(),
        faces=torch.empty(0),
        rest_joints=torch.empty(0),
        joint_shapedirs=torch.empty(0),
    )
    return Figure(
        shaped=ShapedBody(model, torch.from_numpy(template).float(), torch.from_numpy(joints).float()),
        body=len(clothed),
        faces=faces,
        rest=np.concatenate([points for points, _, _ in pieces]).astype(np.float32),
        part=part,
        hanging=tuple(hanging),
        lofts=tuple(lofts),
        palette=palette.on(Cut.of(joints, outfit)),
        sole=float(outfit.thickness[7]),
    )


def _levels(heights: Array, joints: Array, ankle: float) -> Array:
    """As `clothes.Drape` counts: ankles 0, pelvis 1, neck 1.6."""
    knots = ((ankle, 0.0), (float(joints[0, 1]), 1.0), (float(joints[12, 1]), 1.6))
    return np.interp(heights, [k[0] for k in knots], [k[1] for k in knots])


def _kind(cloud: Cloud) -> int:
    """What a solid is, by where it sits: `clothes` does not say."""
    box = len(cloud.points) == 8
    if cloud.joint == 15:
        low, high = cloud.points.min(0), cloud.points.max(0)
        if box:
            return HAT
        if high[0] > 0.105 and abs(float(low[1] + high[1]) / 2 - 0.06) < 0.01:
            return HOOD
        return HAIR if float(low[1] + high[1]) / 2 > 0.07 else TRESS
    if cloud.joint == 9 and not box and float(cloud.points[:, 1].mean()) > 0.2:
        return HOOD
    return BAG


def _cloth(top: float) -> int:
    if top < 1.2:
        return SKIRT
    return COAT if top > 1.4 else SHIRT
