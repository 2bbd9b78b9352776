"""Bone directions to joint rotations: how a body of another skeleton takes a decoded pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import PARENTS

__all__ = ["bone_scale", "rotations_from_joints"]

Floats = NDArray[np.floating]


def rotations_from_joints(joints: Floats, rest: Floats) -> NDArray[np.float64]:
    """Local rotations that turn a resting skeleton's bones into the directions of given joints.

    joints: N×24×3. rest: 24×3, of the body to pose. Returns N×24×3×3, each relative to its parent.
    Joints with several children (pelvis, chest) take the rotation that fits all of them best (Kabsch);
    those with one child the smallest rotation (their twist about the bone cannot be seen from joints);
    those with none follow their parent.
    """
    children: list[list[int]] = [[] for _ in PARENTS]
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            children[parent].append(joint)
    count = len(joints)
    world = np.empty((count, len(PARENTS), 3, 3))
    local = np.empty_like(world)
    for joint, parent in enumerate(PARENTS):
        before = world[:, parent] if parent >= 0 else np.broadcast_to(np.eye(3), (count, 3, 3))
        own = children[joint]
        if not own:
            world[:, joint] = before
        else:
            bones = rest[own] - rest[joint]
            seen = joints[:, own] - joints[:, joint : joint + 1]
            if len(own) > 1:
                world[:, joint] = _kabsch(bones, seen)
            else:
                carried = np.einsum("nab,b->na", before, bones[0])
                world[:, joint] = _swing(carried, seen[:, 0]) @ before
        local[:, joint] = np.swapaxes(before, 1, 2) @ world[:, joint]
    return local


def bone_scale(joints: Floats, rest: Floats) -> float:
    """How much longer the bones of N×24×3 joints are than those of the resting 24×3 skeleton."""
    child = [joint for joint, parent in enumerate(PARENTS) if parent >= 0]
    parent = [PARENTS[joint] for joint in child]
    seen = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1).sum(1)
    return float(np.median(seen) / np.linalg.norm(rest[child] - rest[parent], axis=-1).sum())


def _kabsch(bones: Floats, seen: Floats) -> NDArray[np.float64]:
    """The rotation of C×3 bones that comes nearest to N×C×3 seen ones, by direction."""
    a = bones / np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    b = seen / np.maximum(np.linalg.norm(seen, axis=-1, keepdims=True), 1e-9)
    u, _, vt = np.linalg.svd(np.einsum("nca,cb->nab", b, a))
    flip = np.ones((len(seen), 3))
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))
    return np.asarray((u * flip[:, None, :]) @ vt)


def _swing(a: Floats, b: Floats) -> NDArray[np.float64]:
    """The smallest rotations that turn N×3 directions a into b."""
    a = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-9)
    b = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-9)
    v, c = np.cross(a, b), np.einsum("na,na->n", a, b)
    zero = np.zeros(len(a))
    skew = np.stack([zero, -v[:, 2], v[:, 1], v[:, 2], zero, -v[:, 0], -v[:, 1], v[:, 0], zero], -1)
    skew = skew.reshape(-1, 3, 3)
    return np.asarray(np.eye(3) + skew + skew @ skew / np.maximum(1 + c, 1e-3)[:, None, None])
