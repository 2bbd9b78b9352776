"""How people walk: a low-dimensional statistical model, sampled to unlimited styles.

A walking cycle is a Fourier series of the 24 joint rotations and the pelvis' sway and bob. The model in
`data/gait.npz` holds its mean, how it changes with speed, and principal components with their spread
between people and within one person, fitted by `fit_motion` to motion capture (mocap.cs.cmu.edu, created
with funding from NSF EIA-0196217). Eighteen subjects are few and mocap limbs are lively, so styles vary
beyond them: gains of limbs and trunk, posture, timing and asymmetry are our own choice, set to what
ordinary pedestrians show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHANNELS",
    "HARMONICS",
    "GaitModel",
    "GaitStyle",
    "Mood",
    "cycle",
    "load",
    "sample_mood",
    "sample_style",
]

DATA_FILE = Path(__file__).parent / "data" / "gait.npz"
HARMONICS = 6
CHANNELS = 74  # 24×3 axis-angle numbers, sway and bob of the pelvis in leg lengths
LEGS, ARMS = ((1, 4, 7, 10), (2, 5, 8, 11)), ((16, 18, 20, 22), (17, 19, 21, 23))  # left, right
TRUNK = (0, 3, 6, 9, 12, 13, 14, 15)
_SIDES = (1.0, -1.0)  # sign of a rotation about y or z on the left, on the right
# Recorded knees, brought to our body, never stretch; published norms say they do (benchmarks/normative.py):
# radians added at the model's knees and how much more these swing, and what hips and ankles do at the same
# time to leave feet level. Whoever walks as in a take of the user's own keeps its knees.
_STRAIGHTER, _LEVEL = -0.18, np.array([-0.22, 1.0, -0.78])
_KNEE_SWING = 1.18
_STRAIGHTEST, _SOFTNESS = -0.15, 0.12  # no knee bends the other way, and none stops with a jerk
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GaitModel:
    """mean, by_speed: (1+2H)×74 Fourier rows (mean, then cosine and sine of each harmonic); by_speed per
    (leg length/s). components: K×(1+2H)×74. between, within: K spreads of people and of one person's
    cycles. speed: mean and spread, leg lengths/s. cadence: mean (cycles/s), slope by speed, spread left."""

    mean: Array
    by_speed: Array
    components: Array
    between: Array
    within: Array
    speed: Array
    cadence: Array


@lru_cache(maxsize=1)
def load() -> GaitModel:
    with np.load(DATA_FILE) as data:
        return GaitModel(*(data[name].astype(np.float64) for name in GaitModel.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class GaitStyle:
    """How one person walks; it persists over that person's sequences.

    scores: K coordinates in the model. gain: 24 factors on each joint's swing. offset: 24×3 radians added
    to the pose. lag: 24 radians of phase by which each joint trails. speed: preferred, leg lengths/s.
    cadence: preferred, cycles/s. extra: (1+2H)×74 Fourier rows on top, of somebody's recorded walk, or None.
    """

    scores: Array
    gain: Array
    offset: Array
    lag: Array
    speed: float
    cadence: float
    extra: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mood:
    """What differs from one sequence of a person to the next. pace: factor on speed and cadence.

    scores: K, added to the style's. swing: factor on all swing. offset: 24×3 radians.
    """

    scores: Array
    pace: float
    swing: float
    offset: Array


def sample_style(rng: np.random.Generator) -> GaitStyle:
    """A person who was never recorded."""
    model = load()
    scores = rng.normal(0, 1.0, len(model.between)).clip(-2, 2) * model.between
    gain = np.ones(24)
    legs, arms = rng.uniform(0.70, 1.06), rng.uniform(0.25, 1.25)
    for side in (0, 1):
        gain[list(LEGS[side])] = legs * rng.normal(1, 0.03)
        gain[list(ARMS[side])] = arms * np.clip(rng.normal(1, 0.2), 0.3, 1.7)
    gain[[4, 5]] *= rng.uniform(0.85, 1.1)  # knees
    gain[list(TRUNK)] = rng.uniform(0.4, 1.2)
    offset = rng.normal(0, 0.02, (24, 3))
    stoop = abs(rng.normal(0, 0.05)) + (rng.uniform(0.05, 0.22) if rng.random() < 0.12 else 0.0)
    offset[[3, 6, 9], 0] += rng.normal(0, 0.02) + stoop / 3
    offset[0, 0] += rng.normal(0, 0.04)  # trunk lean from the hips
    offset[[1, 2], 0] -= offset[0, 0]  # …with the legs left where they were
    offset[[12, 15], 0] += rng.normal(0.03, 0.09) - 0.4 * stoop  # head
    toes, stance, elbows, spread = (
        rng.normal(0, 0.11),
        rng.normal(0, 0.035),
        rng.normal(0, 0.18),
        rng.normal(0, 0.07),
    )
    shrug, knees, forward = rng.normal(0, 0.05), rng.normal(0.02, 0.05), rng.normal(0, 0.1)
    for side, sign in enumerate(_SIDES):
        hip, knee = LEGS[side][0], LEGS[side][1]
        offset[hip, 1] += sign * (toes + rng.normal(0, 0.03))
        offset[hip, 2] += sign * stance
        offset[hip, 0] -= knees / 2
        offset[knee, 0] += knees
        shoulder, elbow = ARMS[side][0], ARMS[side][1]
        offset[shoulder, 2] += sign * (spread + rng.normal(0, 0.025))
        offset[shoulder, 0] += forward
        offset[elbow, 1] -= sign * (elbows + rng.normal(0, 0.05))
        offset[(13, 14)[side], 2] += sign * shrug
    lag = np.zeros(24)
    for side in (0, 1):
        lag[list(ARMS[side])] = rng.normal(0, 0.2)
        lag[list(LEGS[side])] = rng.normal(0, 0.05)
    lag[list(TRUNK)] = rng.normal(0, 0.15)
    # Pedestrians walk slower than actors in a studio.
    speed = float(np.clip(rng.normal(0.88 * model.speed[0], 0.9 * model.speed[1]), 0.7, 2.3))
    mean, slope, spread_of = model.cadence
    cadence = float(mean + slope * (speed - model.speed[0]) + rng.normal(0, spread_of))
    return GaitStyle(scores, gain, offset, lag, speed, float(np.clip(cadence, 0.6, 1.3)))


def sample_mood(rng: np.random.Generator) -> Mood:
    """One sequence's departure from the person's style."""
    within = load().within
    return Mood(
        scores=rng.normal(0, 0.45, len(within)) * within,
        pace=float(np.clip(rng.normal(1, 0.08), 0.75, 1.3)),
        swing=float(rng.normal(1, 0.05)),
        offset=rng.normal(0, 0.018, (24, 3)),
    )


def _series(style: GaitStyle, mood: Mood | None) -> Array:
    """(1+2H)×74 Fourier rows of this style in this mood."""
    model = load()
    scores, speed = style.scores, style.speed
    if mood is not None:
        scores, speed = scores + mood.scores, speed * mood.pace
    rows = model.mean + (speed - model.speed[0]) * model.by_speed
    if style.extra is not None:
        rows = rows + style.extra
    return rows + np.tensordot(scores, model.components, 1)


def cycle(style: GaitStyle, phases: Array, mood: Mood | None = None) -> tuple[Array, Array]:
    """The pose at each phase of the walking cycle.

    phases: T radians, 2π a full cycle (two steps); at 0 the left ankle passes the right going forward.
    Returns rotations T×24×3 (axis-angle, relative to the parent, heading +z) and root T×3 (the pelvis'
    sway and bob about its mean in leg lengths, and 0: how far it goes forward follows from the feet).
    """
    rows = _series(style, mood)
    gain = style.gain * (1.0 if mood is None else mood.swing)
    if style.extra is None:
        gain[[4, 5]] *= _KNEE_SWING
    swing = np.concatenate([np.repeat(gain, 3), np.full(2, gain[[1, 2]].mean())])
    lag = np.concatenate([np.repeat(style.lag, 3), np.zeros(2)])
    values = np.repeat(rows[:1], len(phases), axis=0)
    for k in range(1, HARMONICS + 1):
        angle = k * (np.asarray(phases)[:, None] - lag[None])
        values = values + swing * (rows[2 * k - 1] * np.cos(angle) + rows[2 * k] * np.sin(angle))
    rotations = values[:, :72].reshape(-1, 24, 3) + style.offset
    # A studio's heading is never quite its axis; the mean turn of the pelvis is not style.
    rotations[:, 0, 1] -= rows[0, 1] + style.offset[0, 1]
    if mood is not None:
        rotations = rotations + mood.offset
    if style.extra is None:
        for hip, knee, ankle, _ in LEGS:
            stretched = rotations[:, knee, 0] + _STRAIGHTER - _STRAIGHTEST
            kept = _STRAIGHTEST + (stretched + np.sqrt(stretched**2 + _SOFTNESS**2)) / 2
            change = kept - rotations[:, knee, 0]
            rotations[:, [hip, knee, ankle], 0] += change[:, None] * _LEVEL
    root = np.concatenate([values[:, 72:], np.zeros((len(values), 1))], axis=1)
    return rotations, root
