"""Feet on the floor: how far a walker goes and how high it stands, and how well the feet keep still.

A cycle of `motion` says how the limbs turn about the pelvis; it does not say how far the pelvis goes. That
follows from the feet: the pelvis is lifted until the standing foot touches the floor, and moves so that
whatever touches the floor stays where it is. What cannot be met (two feet on the floor that disagree, a
swinging foot that drags) is left over as slip, and is measured. `walk(…, planted=True)` also bends hips and
knees so that little is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..body import open_body
from ..body.model import BodyModel
from . import motion
from .legs import reach, shortfall
from .motion import GaitStyle, Mood

__all__ = ["Walk", "walk"]

Array = NDArray[np.float64]
SAMPLES = 96  # of a cycle
TOUCH = 0.01  # metres above the floor up to which a point of the sole touches it
CLEARANCE = 0.018  # metres that a planted walker's swinging foot is lifted in mid-swing, at the least
_BLEND = 0.006  # metres over which a point's say in the contact fades with its height
_SMOOTH = 8  # harmonics that the pelvis' path and the corrections keep: a pelvis does not jerk
_SOLE = 0.03  # metres above the lowest point of a resting foot that count as sole
_THIN = 6  # every so manieth point of the soles is enough
_NEAR = 5  # samples to either side over which a pelvis comes down
_SETTLE = 4  # times that a planted walker's legs are corrected


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One cycle on the floor. phases: K radians. root: K×3 metres to add to a body posed about its pelvis
    (x left, y up, z forward; the floor is y = 0). bend: K×24×3 radians to add to the rotations of
    `motion.cycle`, or None. stride: metres gone in a cycle (two steps).

    slip_cm: how far points of a standing foot that touch the floor slide over it, in centimetres a step.
    sink_cm: deepest point below the floor. drag: share of its swing in which a foot is in touch with it.
    """

    phases: Array
    root: Array
    bend: Array | None
    stride: float
    slip_cm: float
    sink_cm: float
    drag: float

    def at(self, phases: Array) -> Array:
        """T×3 metres at any phases, z growing by a stride with each cycle."""
        turns = np.asarray(phases) / (2 * np.pi)
        root = _sampled(self.root - np.outer(self.phases, [0, 0, self.stride / (2 * np.pi)]), phases)
        root[:, 2] += turns * self.stride
        return root

    def bent(self, rotations: Array, phases: Array) -> Array:
        """T×24×3 rotations at T phases with the legs corrected, if they are to be."""
        return rotations if self.bend is None else rotations + _sampled(self.bend, phases)


def walk(
    style: GaitStyle, betas: Array | None = None, mood: Mood | None = None, *, planted: bool = False
) -> Walk:
    """Put one style, on a body of this shape, on the floor. betas: 32, or None for the mean body.

    planted: also correct the legs, so that feet neither slide, sink nor drag.
    """
    phases = np.linspace(0, 2 * np.pi, SAMPLES, endpoint=False)
    first, _ = motion.cycle(style, phases, mood)
    body = _soles()
    shaped = body.shape(betas)
    rest = shaped.rest_joints.double().numpy()
    rotations = first
    for turn in range(_SETTLE + 1 if planted else 1):
        posed = shaped.pose(torch.from_numpy(rotations).float())
        joints, soles = posed.joints.double().numpy(), posed.vertices.double().numpy()
        contact = _contact(joints, soles)
        if turn == _SETTLE or not planted:
            break
        # Where legs are too short for where both feet stand, the pelvis comes down, as it does in people.
        missing = shortfall(rest, joints, contact.wanted)
        wanted = contact.wanted + _soft(_widened(missing))[:, None, None] * [0, 1, 0]
        rotations = reach(rotations, rest, joints, wanted)
    return Walk(
        phases=phases,
        root=contact.root,
        bend=_wrapped(first, rotations) if planted else None,
        stride=contact.stride,
        slip_cm=contact.slip * 100,
        sink_cm=contact.sink * 100,
        drag=contact.drag,
    )


@lru_cache(maxsize=1)
def _soles() -> BodyModel:
    """Points of both soles as a body of their own, the left foot's half and then the right foot's."""
    body = open_body.load()
    rest, weights = body.v_template, body.weights
    kept = []
    for ankle, toes in ((7, 10), (8, 11)):
        foot = torch.nonzero(weights[:, [ankle, toes]].sum(1) > 0.6)[:, 0]
        kept.append(foot[rest[foot, 1] < rest[foot, 1].min() + _SOLE])
    size = min(len(points) for points in kept)
    rows = torch.cat([points[:size:_THIN] for points in kept])
    return BodyModel(
        v_template=rest[rows],
        shapedirs=body.shapedirs[rows],
        weights=weights[rows],
        faces=body.faces[:0],
        rest_joints=body.rest_joints,
        joint_shapedirs=body.joint_shapedirs,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Contact:
    root: Array
    stride: float
    slip: float
    sink: float
    drag: float
    wanted: Array  # K×2×3 metres by which each ankle should move


def _contact(joints: Array, soles: Array) -> _Contact:
    """Lay K poses of a cycle on the floor. joints: K×24×3; soles: K×N×3, about the pelvis."""
    soles = soles.reshape(SAMPLES, 2, -1, 3)
    lowest = soles[..., 1].min(2)  # K×2
    stands = np.stack(
        [_stance(joints[:, ankle, 2], joints[:, ball, 2]) for ankle, ball in ((7, 10), (8, 11))], 1
    )
    lift = _soft(-np.where(stands, lowest, np.inf).min(1))
    height = soles[..., 1] + lift[:, None, None]
    say = np.exp(-np.maximum(height, 0) / _BLEND) * stands[..., None]
    step = 2 * np.pi / SAMPLES
    speed = (np.roll(soles, -1, 0) - np.roll(soles, 1, 0))[..., [0, 2]] / (2 * step)  # metres a radian
    pelvis = -(say[..., None] * speed).sum((1, 2)) / np.maximum(say.sum((1, 2)), 1e-9)[:, None]
    pelvis = _soft(pelvis)
    pelvis[:, 0] -= pelvis[:, 0].mean()  # nobody walks askance
    slide = speed + pelvis[:, None, None]  # K×2×N×2
    touching = (height < TOUCH) & stands[..., None]
    slip = (np.linalg.norm(slide, axis=3) * touching).sum((1, 2)) / np.maximum(touching.sum((1, 2)), 1)
    foot = (say[..., None] * slide).sum(2) / np.maximum(say.sum(2), 1e-9)[..., None]  # K×2×2
    level = height.min(2)
    path = np.cumsum(pelvis, axis=0) * step
    path -= path[:1]
    path[:, 0] -= path[:, 0].mean()
    root = np.stack([path[:, 0], lift, path[:, 1]], axis=1)
    wanted = np.zeros((SAMPLES, 2, 3))
    for side in (0, 1):
        wanted[:, side] = _wanted(stands[:, side], foot[:, side] * step, level[:, side])
    return _Contact(
        root=root,
        stride=float(pelvis[:, 1].mean() * 2 * np.pi),
        slip=float(slip.mean() * np.pi),
        sink=float(max(-level.min(), 0)),
        drag=float(((level < 0.003) & ~stands).sum() / (~stands).sum()),
        wanted=wanted,
    )


def _stance(ankle: Array, ball: Array) -> NDArray[np.bool_]:
    """K: whether a foot stands: from where its ankle is foremost to where its ball is hindmost."""
    first, last = int(ankle.argmax()), int(ball.argmin())
    order = (np.arange(SAMPLES) - first) % SAMPLES
    return order <= (last - first) % SAMPLES


def _wanted(stands: NDArray[np.bool_], slide: Array, level: Array) -> Array:
    """K×3: where an ankle should go: back by what its standing foot slid, to the floor, or off it."""
    first = int(np.flatnonzero(stands & ~np.roll(stands, 1))[0])
    order = (np.arange(SAMPLES) + first) % SAMPLES
    standing = int(stands.sum())
    share = (np.arange(SAMPLES - standing) + 1) / (SAMPLES - standing + 1)  # of the swing
    ease = share**2 * (3 - 2 * share)
    out = np.zeros((SAMPLES, 3))
    slid = np.cumsum(slide[order][:standing], axis=0)
    slid -= slid.mean(0)
    back = np.concatenate([-slid, -slid[-1] + ease[:, None] * (slid[-1] - slid[0])])
    heights = level[order]
    rise = np.concatenate([-heights[:standing], np.zeros(SAMPLES - standing)])
    low = CLEARANCE * np.sin(np.pi * share) ** 0.5
    carried = rise[standing - 1] + share * (rise[0] - rise[standing - 1])
    rise[standing:] = np.maximum(carried, low - heights[standing:])
    out[order] = np.column_stack([back[:, 0], rise, back[:, 1]])
    return _soft(out)


def _soft(values: Array) -> Array:
    """K×… values of a cycle without what is faster than _SMOOTH harmonics."""
    spectrum = np.fft.rfft(values, axis=0)
    spectrum[_SMOOTH + 1 :] = 0
    return np.fft.irfft(spectrum, n=len(values), axis=0)


def _widened(values: Array) -> Array:
    """K values of a cycle, each the largest of its neighbourhood."""
    reach = range(-_NEAR, _NEAR + 1)
    return np.max([np.roll(values, by) for by in reach], axis=0)


def _sampled(values: Array, phases: Array) -> Array:
    """K×… periodic values of the cycle at any T phases, linearly between."""
    at = np.asarray(phases) / (2 * np.pi) % 1.0 * len(values)
    low = np.floor(at).astype(int)
    share = (at - low).reshape(-1, *[1] * (values.ndim - 1))
    size = len(values)
    return np.asarray(values[low % size] * (1 - share) + values[(low + 1) % size] * share)


def _wrapped(before: Array, after: Array) -> Array:
    """after − before, each an axis-angle, where `after` may be written as the turn the other way round."""
    angle = np.linalg.norm(after, axis=-1, keepdims=True)
    other = after * (1 - 2 * np.pi / np.maximum(angle, 1e-9))
    nearer = np.linalg.norm(other - before, axis=-1) < np.linalg.norm(after - before, axis=-1)
    return np.where(nearer[..., None], other, after) - before
