"""Legs that reach: hips and knees bent so that the ankles come where they should (two-bone inverse
kinematics)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["LEGS", "reach", "shortfall"]

LEGS = ((1, 4, 7), (2, 5, 8))  # hip, knee, ankle
Array = NDArray[np.float64]
_STRAIGHTEST = 0.9995  # share of its full length to which a leg stretches
_REACH = 0.985  # and that to which it is meant to


def reach(rotations: Array, rest: Array, joints: Array, by: Array) -> Array:
    """K×24×3 rotations that move the ankles by K×2×3 metres, the feet keeping their direction in space.

    rotations: K×24×3 axis-angle relative to the parent. rest: 24×3. joints: K×24×3, as those pose them.
    A leg too short to reach stretches as far as it can. Knees keep bending the way they bend.
    """
    out = rotations.copy()
    pelvis = Rotation.from_rotvec(rotations[:, 0])
    for side, (hip, knee, ankle) in enumerate(LEGS):
        thigh = pelvis * Rotation.from_rotvec(rotations[:, hip])
        shank = thigh * Rotation.from_rotvec(rotations[:, knee])
        foot = shank * Rotation.from_rotvec(rotations[:, ankle])
        start, bent, end = joints[:, hip], joints[:, knee], joints[:, ankle]
        upper, lower = _bones(rest, side)
        before, after = end - start, end + by[:, side] - start
        far = np.linalg.norm(after, axis=1)
        longest, shortest = _STRAIGHTEST * (upper + lower), abs(upper - lower) + 0.01
        distance = np.clip(far, shortest, longest)
        way = after / np.maximum(far, 1e-9)[:, None]
        along = (upper**2 - lower**2 + distance**2) / (2 * distance)
        aside = np.sqrt(np.maximum(upper**2 - along**2, 0))
        bend = _unit(_across(bent - start, before))
        bend = _unit(_across(_swing(before, way).apply(bend), way))
        new_knee = along[:, None] * way + aside[:, None] * bend
        new_thigh = _swing(bent - start, new_knee) * thigh
        # The knee turns from where the new thigh would carry the old bend.
        new_shank = _swing(
            (new_thigh * thigh.inv()).apply(end - bent), distance[:, None] * way - new_knee
        ) * (new_thigh * thigh.inv() * shank)
        out[:, hip] = (pelvis.inv() * new_thigh).as_rotvec()
        out[:, knee] = (new_thigh.inv() * new_shank).as_rotvec()
        out[:, ankle] = (new_shank.inv() * foot).as_rotvec()
    return out


def shortfall(rest: Array, joints: Array, by: Array) -> Array:
    """K metres by which the legs are too short to move the ankles so; see `reach`. The longer of the two."""
    missing = []
    for side, (hip, _, ankle) in enumerate(LEGS):
        far = np.linalg.norm(joints[:, ankle] + by[:, side] - joints[:, hip], axis=1)
        missing.append(far - _REACH * sum(_bones(rest, side)))
    return np.maximum(np.max(missing, axis=0), 0)


def _bones(rest: Array, side: int) -> tuple[float, float]:
    """Metres of thigh and shank."""
    hip, knee, ankle = (rest[joint] for joint in LEGS[side])
    return float(np.linalg.norm(knee - hip)), float(np.linalg.norm(ankle - knee))


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _across(vectors: Array, way: Array) -> Array:
    """The part of N×3 vectors that is perpendicular to N×3 ways."""
    way = _unit(way)
    return vectors - (vectors * way).sum(1, keepdims=True) * way


def _swing(a: Array, b: Array) -> Rotation:
    """The smallest rotations from N×3 directions a to b."""
    a, b = _unit(a), _unit(b)
    axis = np.cross(a, b)
    quaternion = np.column_stack([axis, 1 + (a * b).sum(1)])
    return Rotation.from_quat(quaternion)
