"""A whole body posed to the points that the network saw: one shape for the person, a pose a frame.

The network places 24 joints and 64 markers in every frame, each by itself; where it is unsure, points of a
limb draw together, and a mesh that is read off them alone has limbs like wire. A body model has bones of one
length and limbs with flesh on them, so it is fitted to the points of the whole walk: the least squares of
SMPLify (Bogo et al., ECCV 2016) in 3-D, with robust residuals and a prior of how people stand and walk. Where
the silhouettes are given, the body is also drawn to fill them (`outline`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .fit import bone_scale, rotations_from_joints
from .model import BodyModel
from .outline import Outline

__all__ = ["FittedPerson", "fit_person"]

FLIP = torch.tensor([1.0, -1.0, -1.0])  # silhouette units (y down, z away) to the body's (y up, z near)
CHUNK = 240  # frames fitted at a time; the shape is the first chunk's, spread over the whole walk
STEPS, AGAIN = 80, 60  # of L-BFGS, with and without the shape
UNIT = 1e4  # by which the loss is multiplied, for L-BFGS's idea of what is small
DEPTH = 0.4  # weight of an error in depth, which an outline does not show, of points that come with a trust
ROBUST = 0.02  # silhouette heights; beyond it an error counts by its size, not its square
SHAPE, POSE, HEIGHT, STEADY = 4e-6, 4e-5, 0.05, 1e-2  # weights of the priors
OUTSIDE, BARE = 0.5, 0.5  # weights of a body that leaves its silhouette, and of an outline it does not reach
SURFACE_EVERY = 16  # of the body's vertices, those that are held against the silhouette
GOOD, LEAST = 60, 0.03  # percentile of a point's confidences that is trusted in full; least trust
SPREAD_OF_HEIGHT = 0.03  # of an outline's height from frame to frame: legs apart or together

# The mean of each joint's rotation over walking cycles (radians, T-pose at rest), and how far from it.
# fmt: off
_MEAN = {
    1: (-0.3, 0, 0), 2: (-0.3, 0, 0), 4: (0.5, 0, 0), 5: (0.5, 0, 0), 12: (-0.2, 0, 0), 15: (0.3, 0, 0),
    16: (0.3, -0.2, -1.4), 17: (0.3, 0.2, 1.4), 18: (0, -0.4, 0.2), 19: (0, 0.4, -0.2),
}
_SPREAD = (
    1.0, 0.5, 0.5, 0.15, 0.6, 0.6, 0.1, 0.2, 0.2, 0.1, 0.1, 0.1,
    0.2, 0.1, 0.1, 0.2, 0.6, 0.6, 0.5, 0.5, 0.2, 0.2, 0.1, 0.1,
)
# fmt: on
_HINGES = ((4, 5), (1.0, 0.25, 0.15))  # knees bend about x, hardly about y or z


@dataclass(frozen=True, slots=True, eq=False)
class FittedPerson:
    """body: what was fitted. betas: its shape. rotations: T×24×3 axis-angle. scale: T silhouette heights a
    metre. place: T×3, where the body's origin is, in silhouette units."""

    body: BodyModel
    betas: Tensor
    rotations: Tensor
    scale: Tensor
    place: Tensor

    def vertices(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """N×V×3 in silhouette units."""
        chosen = torch.from_numpy(np.asarray(rows)).long()
        shaped = self.body.shape(self.betas)
        out = [self._seen(shaped.pose(self.rotations[some]).vertices, some) for some in chosen.split(64)]
        return np.asarray(torch.cat(out).numpy() if out else np.empty((0, self.body.vertex_count, 3), "f4"))

    @property
    def joints(self) -> NDArray[np.float32]:
        """T×24×3 in silhouette units."""
        few = _only(self.body, torch.arange(1))
        every = torch.arange(len(self.rotations))
        return np.asarray(self._seen(few.shape(self.betas).pose(self.rotations).joints, every).numpy())

    def _seen(self, points: Tensor, rows: Tensor) -> Tensor:
        return points * FLIP * self.scale[rows, None, None] + self.place[rows, None]


def fit_person(
    body: BodyModel,
    joints: NDArray[np.floating],
    markers: NDArray[np.floating] | None = None,
    marker_vertices: NDArray[np.integer] | None = None,
    silhouettes: NDArray[np.uint8] | None = None,
    confidences: NDArray[np.floating] | None = None,
) -> FittedPerson:
    """Fit the body to one person's points over time.

    joints: T×24×3, markers: T×M×3 and where on the body they are (M vertex numbers), or None; silhouette
    units. silhouettes: T×64×64, the person in those frames. confidences: T×(24+M), how sure the points are,
    on any scale, and less so in depth; None where all are trusted alike. Deterministic. ValueError when there
    is no frame.
    """
    if not len(joints):
        raise ValueError("there is no frame to fit a body to")
    points = joints if markers is None else np.concatenate([joints, markers], axis=1)
    target = torch.from_numpy(np.asarray(points, np.float32))
    places = np.zeros(0, np.int64) if markers is None else np.asarray(marker_vertices, np.int64)
    trust = _trust(confidences, len(target), target.shape[1])
    depth = 1.0 if confidences is None else DEPTH
    surface = np.arange(0, body.vertex_count, SURFACE_EVERY)
    few = _only(body, torch.from_numpy(np.concatenate([places, surface])))
    spread = np.linspace(0, len(target) - 1, min(CHUNK, len(target))).round().astype(int)
    with torch.enable_grad():
        shown = None if silhouettes is None else silhouettes[spread]
        first = _Fit(few, target[spread], trust[spread], depth, shown)
        first.run(STEPS)
        betas = first.betas.detach()
        if len(spread) == len(target):
            return FittedPerson(body, betas, *first.found())
        parts = []
        for start in range(0, len(target), CHUNK):
            some = slice(start, start + CHUNK)
            shown = None if silhouettes is None else silhouettes[some]
            fit = _Fit(few, target[some], trust[some], depth, shown, betas)
            fit.run(AGAIN)
            parts.append(fit.found())
    return FittedPerson(body, betas, *(torch.cat(each) for each in zip(*parts, strict=True)))


class _Fit:
    """Poses of some frames, to be found; the shape too, when it is not given."""

    def __init__(
        self,
        body: BodyModel,
        points: Tensor,
        trust: Tensor,
        depth: float,
        silhouettes: NDArray[np.uint8] | None,
        betas: Tensor | None = None,
    ) -> None:
        self.body, self.points, self.trust = body, points, trust
        self.axes = torch.tensor([1.0, 1.0, depth])
        self.outline = None if silhouettes is None else Outline(silhouettes)
        rest = body.rest_joints.double().numpy()
        upright = (points[:, :24] * FLIP).double().numpy()
        self.mean = torch.tensor([_MEAN.get(joint, (0, 0, 0)) for joint in range(24)], dtype=torch.float32)
        # Limbs begin as most people's hang: directions of short bones are mostly noise.
        self.rotations = self.mean.repeat(len(points), 1, 1)
        heading = torch.from_numpy(rotations_from_joints(upright, rest)[:, 0]).float()
        self.rotations[:, 0] = _axis_angle(heading)
        self.rotations.requires_grad_()
        self.size = torch.tensor(np.log(max(bone_scale(upright, rest), 1e-3)), dtype=torch.float32)
        self.place = (points[:, 0] - body.rest_joints[0] * FLIP * self.size.exp()).detach().requires_grad_()
        self.size.requires_grad_()
        self.bend = torch.zeros(len(points), requires_grad=True)
        self.shaped = betas is None
        self.betas = torch.zeros(min(10, body.beta_count), requires_grad=True) if betas is None else betas
        self.stiff = (1 / torch.tensor(_SPREAD))[:, None].repeat(1, 3)
        for joint in _HINGES[0]:
            self.stiff[joint] /= torch.tensor(_HINGES[1])
        self.stiff[0] = 0  # people head anywhere

    def found(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.rotations.detach(), self._scale().detach(), self.place.detach()

    def run(self, steps: int) -> None:
        """To the points first: a body that starts far from its outline is caught in the wrong leg."""
        self._minimise(steps, None)
        if self.outline is not None:
            self._minimise(steps, self.outline)

    def _minimise(self, steps: int, outline: Outline | None) -> None:
        free = [self.rotations, self.size, self.bend, self.place]
        if self.shaped:
            free.append(self.betas)
        optimiser = torch.optim.LBFGS(free, max_iter=steps, history_size=20, line_search_fn="strong_wolfe")

        def again() -> Tensor:
            optimiser.zero_grad()
            loss = UNIT * self._loss(outline)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimiser.step(again)  # type: ignore[no-untyped-call]

    def _scale(self) -> Tensor:
        return (self.size + self.bend).exp()

    def _loss(self, outline: Outline | None) -> Tensor:
        posed = self.body.shape(self.betas).pose(self.rotations)
        own = torch.cat([posed.joints, posed.vertices], dim=1)
        seen = own * FLIP * self._scale()[:, None, None] + self.place[:, None]
        count = self.points.shape[1]
        surface, seen = seen[:, count:], seen[:, :count]
        error = ((seen - self.points) * self.axes).square().sum(-1)
        robust = ROBUST * ((error + ROBUST**2).sqrt() - ROBUST)
        loss = (self.trust * robust).mean()
        if outline is not None:
            outside, bare = outline.errors(surface[..., :2])
            loss = loss + OUTSIDE * outside + BARE * bare
        loss = loss + POSE * ((self.rotations - self.mean) * self.stiff).square().sum((1, 2)).mean() / 24
        loss = loss + SHAPE * self.betas.square().sum()
        loss = loss + HEIGHT * (self.bend / SPREAD_OF_HEIGHT).square().mean() * ROBUST**2
        if len(self.points) > 2:
            loss = loss + STEADY * self.rotations.diff(n=2, dim=0).square().mean()
        return loss


def _trust(confidences: NDArray[np.floating] | None, frames: int, points: int) -> Tensor:
    """T×P weights with mean about 1: a point counts by its confidence beside that in its good frames. A
    volume that wavers between two places has little, and its point, midway, is in neither."""
    if confidences is None:
        return torch.ones(frames, points)
    good = np.maximum(np.percentile(confidences, GOOD, axis=0), 1e-9)
    return torch.from_numpy((confidences / good).clip(LEAST, 1).astype(np.float32))


def _only(body: BodyModel, vertices: Tensor) -> BodyModel:
    """The body with these vertices alone: all that a fit needs."""
    return replace(
        body,
        v_template=body.v_template[vertices],
        shapedirs=body.shapedirs[vertices],
        weights=body.weights[vertices],
        faces=body.faces[:0],
        joint_regressor=None,
        posedirs=None if body.posedirs is None else body.posedirs[vertices],
        proxy_vertices=None,
        proxy_faces=None,
    )


def _axis_angle(matrices: Tensor) -> Tensor:
    """…×3×3 rotations to …×3 axis-angle, of at most half a turn."""
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = ((trace - 1) / 2).clamp(-1, 1).acos()
    skew = torch.stack(
        [
            matrices[..., 2, 1] - matrices[..., 1, 2],
            matrices[..., 0, 2] - matrices[..., 2, 0],
            matrices[..., 1, 0] - matrices[..., 0, 1],
        ],
        dim=-1,
    )
    half = torch.nn.functional.normalize(skew, dim=-1)
    # At half a turn the skew part vanishes: the axis is the largest column of R + 1.
    column = (matrices + torch.eye(3)).norm(dim=-2).argmax(-1)
    index = column[..., None, None].expand(*matrices.shape[:-1], 1)
    turned = torch.nn.functional.normalize((matrices + torch.eye(3)).gather(-1, index)[..., 0], dim=-1)
    axis = torch.where((skew.norm(dim=-1) < 1e-3)[..., None] & (angle > 3)[..., None], turned, half)
    return axis * angle[..., None]
