"""Any human skeleton's motion to the 24 joints of the bodies here, and the walking in it to cycles.

Trunk joints take over the recorded turn from rest. Limbs first learn by which rotation the recorded bone at
rest differs from ours (arms may hang, legs may stand apart). Feet are levelled instead: whatever the rest
pose says, a foot that stands still on the floor is flat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...body.model import PARENTS
from ..fit_motion import RATE, cycles_of
from .skeleton import MotionError, Recording, roles_of

__all__ = ["Motion24", "cycles", "retarget"]

Array = NDArray[np.float64]
_LIMBS = {1: 4, 2: 5, 4: 7, 5: 8, 16: 18, 17: 19, 18: 20, 19: 21}  # joint → the end of its bone
_FEET = {7: (4, 10), 8: (5, 11)}  # ankle → knee, toes
_WINDOW, _HOP = 2.4, 0.6  # seconds of walking looked at together
_STRAIGHT, _SLOWEST = 0.94, 0.35  # path as the crow flies; leg lengths a second
_FIRST = 5  # frames among which a jump out of the rest pose is looked for
_FACING = 0.7  # cosine between where the pelvis faces and where it goes


@dataclass(frozen=True, slots=True, eq=False)
class Motion24:
    """rotations: T×24×3 axis-angle relative to the parent; root: T×3; both y up. leg: hip to ankle in the
    root's units. rate: frames a second."""

    rotations: Array
    root: Array
    leg: float
    rate: float
    who: str


def retarget(recording: Recording, rest: Array) -> Motion24:
    """rest: 24×3 joints at rest of the body that is to move. MotionError when joints cannot be told apart."""
    roles = roles_of(recording.names, recording.parents)
    recording = _without_calibration(recording)
    placed, still = recording.placed(), recording.rest()
    up = _axis(placed[:, [roles[1], roles[2]]].mean((0, 1)) - placed[:, [roles[7], roles[8]]].mean((0, 1)))
    world = _to(up, np.array([0.0, 1.0, 0.0]))
    upright = _frame(still, roles)  # our axes at rest, in the recording's
    ours = np.empty((len(placed), 24, 3, 3))
    for joint in range(24):
        parent = PARENTS[joint]
        if joint not in roles:
            ours[:, joint] = ours[:, parent]
            continue
        fit = upright
        end = _LIMBS.get(joint)
        if end in roles:
            bone = still[roles[end]] - still[roles[joint]]
            own = upright @ (rest[end] - rest[joint])
            if np.linalg.norm(bone) > 1e-6:
                fit = _to(own, bone) @ upright
        ours[:, joint] = world @ recording.turned[:, roles[joint]] @ fit
    for ankle, (knee, toes) in _FEET.items():
        level = _level(ours[:, ankle], placed[:, roles[ankle]] + recording.root)
        ours[:, ankle] = ours[:, ankle] @ level
        if toes in roles:
            toe = _level(ours[:, toes], placed[:, roles[ankle]] + recording.root)
            ours[:, toes] = ours[:, toes] @ toe
        else:
            ours[:, toes] = ours[:, ankle]
        _same_heading(ours, ankle, knee, toes)
    for wrist, elbow, hand in ((20, 18, 22), (21, 19, 23)):
        # Recorded hands are rarely right, and too small to see: they go with the forearm.
        ours[:, wrist] = ours[:, elbow]
        ours[:, hand] = ours[:, elbow]
    local = np.empty((len(ours), 24, 3))
    for joint, parent in enumerate(PARENTS):
        own = ours[:, joint] if parent < 0 else np.swapaxes(ours[:, parent], 1, 2) @ ours[:, joint]
        local[:, joint] = Rotation.from_matrix(own).as_rotvec()
    leg = float(np.mean([_length(still, roles, a, b) for a, b in ((1, 4), (4, 7), (2, 5), (5, 8))]) * 2)
    if leg < 1e-6:
        raise MotionError("its legs have no length")
    return Motion24(local, recording.root @ world.T, leg, recording.rate, recording.who)


def _without_calibration(recording: Recording) -> Recording:
    """Many files begin with a frame or two in the rest pose, somewhere else: a jump that no walker makes."""
    steps = np.linalg.norm(np.diff(recording.root, axis=0), axis=1)
    turns = np.linalg.norm((recording.turned[1:] - recording.turned[:-1]).reshape(len(steps), -1), axis=1)
    if len(steps) <= 2 * _FIRST:
        return recording
    jumps = (steps[:_FIRST] > 8 * steps[_FIRST:].max()) | (turns[:_FIRST] > 4 * turns[_FIRST:].max())
    first = int(np.flatnonzero(jumps)[-1]) + 1 if jumps.any() else 0
    return replace(recording, turned=recording.turned[first:], root=recording.root[first:])


def cycles(motion: Motion24, rest: Array) -> list[tuple[Array, float, float]]:
    """The walking cycles of a take, as `fit_motion.cycles_of` gives them: those of its straight stretches."""
    rotations, root = _at_rate(motion)
    root = root / motion.leg
    window, hop = round(_WINDOW * RATE), round(_HOP * RATE)
    straight = np.zeros(len(root), dtype=bool)
    for start in range(0, max(len(root) - window, 0) + 1, hop):
        part = root[start : start + window][:, [0, 2]]
        way = part[-1] - part[0]
        gone = float(np.linalg.norm(way))
        length = float(np.linalg.norm(np.diff(part[::6], axis=0), axis=1).sum())
        seconds = len(part) / RATE
        facing = (
            Rotation.from_rotvec(rotations[start : start + window, 0]).apply([0, 0, 1])[:, [0, 2]].mean(0)
        )
        if (
            gone > _SLOWEST * seconds
            and gone > _STRAIGHT * length
            and facing @ way > _FACING * gone * float(np.linalg.norm(facing))
        ):
            straight[start : start + window] = True
    found = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], straight.astype(int), [0]])))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if end - first >= 70:
            found += cycles_of(rotations[first:end], root[first:end], rest, 1.0)
    return found


def _at_rate(motion: Motion24) -> tuple[Array, Array]:
    """The same motion at RATE frames a second."""
    from scipy.spatial.transform import Slerp

    frames = len(motion.rotations)
    if frames < 2:
        return motion.rotations, motion.root
    times = np.arange(frames) / motion.rate
    wanted = np.arange(0, times[-1] + 1e-9, 1 / RATE)
    wanted = wanted[wanted <= times[-1]]
    turned = np.stack(
        [Slerp(times, Rotation.from_rotvec(motion.rotations[:, j]))(wanted).as_rotvec() for j in range(24)],
        axis=1,
    )
    root = np.stack([np.interp(wanted, times, motion.root[:, k]) for k in range(3)], axis=1)
    return _unwrapped(turned), root


def _unwrapped(rotvec: Array) -> Array:
    """Axis-angle without jumps: of the two equal turns, the one nearer to the frame before."""
    out = rotvec.copy()
    for t in range(1, len(out)):
        angle = np.linalg.norm(out[t], axis=1, keepdims=True)
        other = out[t] * (1 - 2 * np.pi / np.maximum(angle, 1e-9))
        nearer = np.linalg.norm(other - out[t - 1], axis=1) < np.linalg.norm(out[t] - out[t - 1], axis=1)
        out[t] = np.where(nearer[:, None], other, out[t])
    return out


def _frame(still: Array, roles: dict[int, int]) -> Array:
    """3×3: columns are our x (left), y (up) and z (forward) in the axes of the skeleton at rest."""
    up = still[[roles[1], roles[2]]].mean(0) - still[[roles[7], roles[8]]].mean(0)
    left = still[roles[1]] - still[roles[2]]
    if np.linalg.norm(up) < 1e-6 or np.linalg.norm(left) < 1e-6:
        raise MotionError("its legs at rest have no length, or start from one point")
    up = _axis(up) if abs(_axis(up) @ up) > 0.8 * np.linalg.norm(up) else up / np.linalg.norm(up)
    left = left - (left @ up) * up
    left /= np.linalg.norm(left)
    if abs(_axis(left) @ left) > 0.95:
        left = _axis(left)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _axis(vector: Array) -> Array:
    """The coordinate axis nearest to a vector."""
    out = np.zeros(3)
    k = int(np.abs(vector).argmax())
    out[k] = np.sign(vector[k]) or 1.0
    return out


def _to(a: Array, b: Array) -> Array:
    """The smallest rotation that turns a into the direction of b."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -0.9999:
        normal = np.cross(a, [1.0, 0, 0] if abs(a[0]) < 0.9 else [0, 1.0, 0])
        return Rotation.from_rotvec(np.pi * normal / np.linalg.norm(normal)).as_matrix()
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine))


def _level(turned: Array, ankle: Array) -> Array:
    """The correction that makes a foot flat while its ankle stands still. turned: T×3×3. ankle: T×3."""
    speed = np.linalg.norm(np.gradient(ankle, axis=0), axis=1)
    still = speed <= np.quantile(speed, 0.25)
    upward = turned[still][:, 1].mean(0)  # the world's y in the foot's axes
    return _to(np.array([0.0, 1.0, 0.0]), upward) if np.linalg.norm(upward) > 0.3 else np.eye(3)


def _same_heading(ours: Array, ankle: int, knee: int, toes: int) -> None:
    """Levelling leaves the foot's heading to the rest pose; it must not stray from the shank's by much."""
    relative = np.swapaxes(ours[:, knee], 1, 2) @ ours[:, ankle]
    turn = float(np.median(np.arctan2(relative[:, 0, 2], relative[:, 2, 2])))
    excess = turn - float(np.clip(turn, -0.5, 0.5))
    back = Rotation.from_rotvec([0, -excess, 0]).as_matrix()
    ours[:, ankle] = ours[:, ankle] @ back
    ours[:, toes] = ours[:, toes] @ back


def _length(still: Array, roles: dict[int, int], a: int, b: int) -> float:
    return float(np.linalg.norm(still[roles[a]] - still[roles[b]]))
