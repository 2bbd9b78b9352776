"""Where in a step each silhouette is, so that several walkers can be shown in step.

Phase counts steps: it is whole where the lower legs are widest apart. The step frequency is the sinusoid that
explains the legs' opening best (least squares at the true timestamps, a Lomb-Scargle periodogram); around
it the phase is found frame by frame by complex demodulation, so that a walker may hurry or dawdle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..people.walking import leg_spread
from ..records import SilhouetteSequence

__all__ = ["Stretch", "step_phase", "stretch_of"]

STEP_HZ = (1.2, 3.2)  # a slow stroll to a very fast walk
USUAL_HZ = 1.8  # where a sequence knows no times, or shows no steps
EXPLAINED = 0.2  # share of the legs' movement that the rhythm must explain
AMPLITUDE = 0.01  # body heights
GAP_S = 0.35  # a longer pause parts a walk
LONGEST_S = 10.0  # looked at
SHOWN_S = 3.0  # of somebody whose steps are not seen
MAX_FRAMES = 96
_FPS = 30.0  # of a sequence without times
_LEAST = 12  # frames from which a rhythm can be told
_TREND_S = 0.6
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A piece of a walk that is shown over and over. rows: of the sequence. seconds: from 0. phase: steps, or
    None where no steps are seen. steps: after so many, an even number, the piece begins again. cadence: steps
    a second."""

    rows: NDArray[np.intp]
    seconds: Array
    phase: Array | None
    steps: int
    cadence: float


def seconds_of(sequence: SilhouetteSequence) -> Array:
    """Times; where there are none, thirty frames a second."""
    times = np.asarray(sequence.times, np.float64)
    return times if np.isfinite(times).all() else sequence.frames / _FPS


def step_phase(silhouettes: NDArray[np.uint8], seconds: Array) -> Array | None:
    """T×64×64 at T increasing times to T phases that never fall; None where no rhythm is seen (too short,
    standing, or from straight ahead)."""
    if len(silhouettes) < _LEAST:
        return None
    t = seconds - seconds[0]
    spread = leg_spread(silhouettes)
    weight = np.exp(-0.5 * ((t[:, None] - t) / _TREND_S) ** 2)
    swing = spread - weight @ spread / weight.sum(1)
    total = float(np.square(swing).sum())
    best, hertz, amplitude = 0.0, 0.0, 0.0
    for tried in np.arange(*STEP_HZ, 0.02):
        waves = np.column_stack([np.cos(2 * np.pi * tried * t), np.sin(2 * np.pi * tried * t)])
        found, *_ = np.linalg.lstsq(waves, swing, rcond=None)
        explained = float(np.square(waves @ found).sum()) / max(total, 1e-12)
        if explained > best:
            best, hertz, amplitude = explained, float(tried), float(np.hypot(*found))
    if best < EXPLAINED or amplitude < AMPLITUDE or t[-1] * hertz < 2:
        return None
    near = np.exp(-0.5 * ((t[:, None] - t) * hertz) ** 2)
    turned = near @ (swing * np.exp(-2j * np.pi * hertz * t))
    phase = hertz * t + np.unwrap(np.angle(turned)) / (2 * np.pi)
    return np.asarray(np.maximum.accumulate(phase), np.float64)


def stretch_of(sequence: SilhouetteSequence) -> Stretch | None:
    """The piece to show: of the longest walk without a pause, the two or four steps whose end looks most like
    their beginning. None for a sequence without silhouettes."""
    if not len(sequence):
        return None
    seconds = seconds_of(sequence)
    rows = _longest(seconds)
    phase = step_phase(sequence.silhouettes[rows], seconds[rows])
    if phase is None or phase[-1] - phase[0] < 2:
        return _without_steps(rows, seconds)
    steps = 4 if phase[-1] - phase[0] >= 5 else 2
    ends = np.searchsorted(phase, phase + steps)
    starts = np.flatnonzero(ends < len(rows))
    if not len(starts):
        return _without_steps(rows, seconds)
    pictures = sequence.silhouettes[rows].astype(np.float32)
    apart = [float(np.abs(pictures[start] - pictures[ends[start]]).mean()) for start in starts]
    start = int(starts[int(np.argmin(apart))])
    stop = int(ends[start])
    lasting = float(seconds[rows[stop]] - seconds[rows[start]])
    kept = _thinned(np.arange(start, stop))
    return Stretch(
        rows[kept], seconds[rows[kept]] - seconds[rows[start]], phase[kept], steps, steps / lasting
    )


def _longest(seconds: Array) -> NDArray[np.intp]:
    pauses = np.flatnonzero(np.diff(seconds) > GAP_S) + 1
    rows = max(np.split(np.arange(len(seconds)), pauses), key=len)
    middle = (seconds[rows[0]] + seconds[rows[-1]]) / 2
    return rows[np.abs(seconds[rows] - middle) <= LONGEST_S / 2]


def _without_steps(rows: NDArray[np.intp], seconds: Array) -> Stretch:
    middle = (seconds[rows[0]] + seconds[rows[-1]]) / 2
    kept = _thinned(rows[np.abs(seconds[rows] - middle) <= SHOWN_S / 2])
    return Stretch(kept, seconds[kept] - seconds[kept[0]], None, 2, USUAL_HZ)


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return rows[:: -(-len(rows) // MAX_FRAMES)]
