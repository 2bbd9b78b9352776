"""Does this person walk? Told from the legs' rhythm, frame by frame.

A walker's legs open and close once a step and change sides once a stride. Two kinds of signal carry that
rhythm, whatever the view: *even* ones, which repeat every step (how far the ankles or knees are apart, how
wide the lower legs of the silhouette are: strong from the side), and *odd* ones, which repeat every stride
(which ankle is lower, which foot of the silhouette reaches further down: what is left of it from the front).
In a sliding window a sinusoid is fitted to each by least squares at the true timestamps (a Lomb-Scargle
periodogram), so that uneven and low frame rates do no harm. Steps in a walker's band of frequencies that
explain enough of a signal are walking; somebody who does not get anywhere (or is followed by the camera, or
walks on a treadmill) must show them more plainly, and on alternating sides where keypoints can tell: a jumper
opens and closes both legs at once.

The method is our own. The thresholds were chosen on three recordings (a walker and a jumping man in a park,
people who come, stand and go in a room, small pedestrians in a square) and on stick figures; they have not
been tested on others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..records import HEIGHT

__all__ = ["Gait", "leg_spread", "recognise"]

WINDOW_S = 2.4  # two to three strides; also what a person needs to see
HOP_S = 0.3
MIN_WINDOW_S = 1.2  # a track shorter than this shows no rhythm
MAX_GAP_S = 0.7  # a longer gap in a track parts it in two
MIN_SAMPLES = 9  # a window with fewer has nothing left after trend, phase, amplitude and frequency

STRIDE_HZ = (0.45, 1.5)  # full cycles a second: a stroll in slow motion to a fast walk
SEARCH_HZ = (0.2, 2.2)  # a rhythm whose best frequency lies outside STRIDE_HZ is something else
STRIDE_STEP_HZ = 0.05
USUAL_STRIDE_HZ = 0.95  # settles what the signals leave open: a walk has 1.6 to 2.2 steps a second
SAME_HZ = 0.2  # two estimates of one frequency lie this near to each other
MIN_TURNS = 1.1  # periods that a window must hold before a rhythm is believed

# Three degrees of getting somewhere, and the share of a leg signal's variance (adjusted) that the rhythm
# must explain in each. Speeds: body heights a second across the picture plus relative growth a second.
MOVING = 0.12
STRIDING = 0.40  # side-on, a stroll is 0.5 and a walk 0.8: here legs that open and close are enough
RHYTHM_MOVING = 0.50
RHYTHM_IN_PLACE = 0.60
ALTERNATION = 0.35  # the same for an odd signal, where somebody in place must show one

# Least amplitudes (of the fitted sinusoid, in body heights). Detector noise stays below them.
EVEN_AMPLITUDE = 0.025
ODD_AMPLITUDE = 0.012
LEG_ACTIVITY = 0.05  # body heights: standard deviation of an even signal of somebody striding
MAX_UNSTEADINESS = 0.12  # standard deviation of the logarithm of a walker's height, trend removed
UNSTEADINESS_IN_PLACE = 0.05  # the same for somebody in place: arms that go up make the box taller
MIN_CONFIDENCE = 0.3  # of a keypoint

VOTES = 0.5  # share of the windows over a frame that must say walking
MIN_WALK_S = 0.9  # shorter runs are a shift of weight

_LEFT_KNEE, _RIGHT_KNEE, _LEFT_ANKLE, _RIGHT_ANKLE = 13, 14, 15, 16
_SHANKS = slice(48, HEIGHT)  # rows of the silhouette below the knee
_CHUNK = 1024  # silhouettes at a time, which may be mapped from disk


@dataclass(frozen=True, slots=True, eq=False)
class Gait:
    """walking: T bool. stride_hz: T float, full cycles (two steps) a second, 0 where nobody walks."""

    walking: NDArray[np.bool_]
    stride_hz: NDArray[np.float64]

    def cycles(self, times: NDArray[np.float64], among: NDArray[np.bool_] | None = None) -> float:
        """Full gait cycles seen while walking, in the frames of `among` (T bool) where that is given."""
        if len(times) < 2:
            return 0.0
        step = np.diff(times, append=times[-1])
        step[step > MAX_GAP_S] = 0.0
        return float(np.sum(step * self.stride_hz * (1 if among is None else among)))


@dataclass(frozen=True, slots=True, eq=False)
class _Signals:
    """Each S×T in body heights, NaN where unknown.

    even: the legs' distance. across, down: odd, left less right, sideways and downwards; `across` is empty
    where the two legs cannot be told apart.
    """

    even: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]

    def window(self, part: slice) -> _Signals:
        return _Signals(self.even[:, part], self.across[:, part], self.down[:, part])


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """The best fit to one kind of signal: stride frequency, share of variance explained (0: none)."""

    stride_hz: float
    share: float


def recognise(
    times: NDArray[np.float64],
    boxes: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    silhouettes: NDArray[np.uint8],
    valid: NDArray[np.bool_],
) -> Gait:
    """Where one track walks.

    times: T seconds, increasing. boxes: T×4 pixels. keypoints: T×17×3, NaN where unknown.
    silhouettes: T×64×64, read where `valid` (T bool) says so. Either of the two is enough.
    """
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0).astype(np.float64)
    sources = [_of_keypoints(keypoints, height), _of_silhouettes(silhouettes, valid)]
    covered, votes, rhythm = np.zeros((3, len(times)))
    for part in _windows(times):
        stride = _judge(
            times[part], [source.window(part) for source in sources], _motion(times[part], boxes[part])
        )
        covered[part] += 1
        votes[part] += stride > 0
        rhythm[part] += stride
    walking = _runs(times, (votes > 0) & (votes >= VOTES * covered))
    return Gait(walking, np.where(walking, rhythm / np.maximum(votes, 1), 0.0))


def leg_spread(silhouettes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How far the lower legs stand apart: T×64×64 to T body heights.

    Twice the standard deviation of the columns below the knee: for two legs, their distance.
    """
    legs = silhouettes[:, _SHANKS].sum(axis=1, dtype=np.float64)
    mass = np.maximum(legs.sum(axis=1), 1.0)
    columns = np.arange(HEIGHT)
    mean = legs @ columns / mass
    return 2 * np.sqrt(np.maximum(legs @ columns**2 / mass - mean**2, 0.0)) / HEIGHT


def _of_keypoints(keypoints: NDArray[np.float32], height: NDArray[np.float64]) -> _Signals:
    even, across, down = [], [], []
    scale = _smooth(height)
    for left, right in ((_LEFT_ANKLE, _RIGHT_ANKLE), (_LEFT_KNEE, _RIGHT_KNEE)):
        pair = keypoints[:, (left, right)].astype(np.float64)
        apart = (pair[:, 0, :2] - pair[:, 1, :2]) / scale[:, None]
        apart[~(pair[:, :, 2] >= MIN_CONFIDENCE).all(axis=1)] = np.nan
        even.append(np.abs(apart[:, 0]))
        across.append(apart[:, 0])
        down.append(apart[:, 1])
    return _Signals(np.array(even), np.array(across), np.array(down))


def _of_silhouettes(silhouettes: NDArray[np.uint8], valid: NDArray[np.bool_]) -> _Signals:
    signals = np.full((2, len(valid)), np.nan)
    rows = np.flatnonzero(valid)
    for chunk in np.array_split(rows, max(1, -(-len(rows) // _CHUNK))):
        some = np.asarray(silhouettes[chunk])
        signals[0, chunk] = leg_spread(some)
        signals[1, chunk] = _foot_difference(some)
    return _Signals(signals[:1], np.empty((0, len(valid))), signals[1:])


def _foot_difference(silhouettes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How much further down the silhouette reaches on its left half than on its right, body heights."""
    lowest = []
    for half in (silhouettes[:, :, : HEIGHT // 2], silhouettes[:, :, HEIGHT // 2 :]):
        filled = half.max(axis=2, initial=0) > 127
        lowest.append(np.where(filled.any(axis=1), HEIGHT - np.argmax(filled[:, ::-1], axis=1), 0))
    return (lowest[0] - lowest[1]) / HEIGHT


def _smooth(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """A running median: a box that jumps must not shake the signals that are divided by it."""
    from scipy.ndimage import median_filter

    return (
        np.asarray(median_filter(height, size=min(15, len(height)), mode="nearest"))
        if len(height)
        else height
    )


def _windows(times: NDArray[np.float64]) -> list[slice]:
    edges = np.concatenate([[0], np.flatnonzero(np.diff(times) > MAX_GAP_S) + 1, [len(times)]])
    parts = []
    for first, end in pairwise(edges):
        if end - first < 2 or times[end - 1] - times[first] < MIN_WINDOW_S:
            continue
        last = max(times[end - 1] - WINDOW_S, times[first])
        starts = np.append(np.arange(times[first], last, HOP_S), last)
        low = np.searchsorted(times, starts - 1e-9)
        high = np.minimum(np.searchsorted(times, starts + WINDOW_S + 1e-9), end)
        parts += [slice(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    return parts


@dataclass(frozen=True, slots=True)
class _Motion:
    """across: body heights a second. growth: relative growth a second. unsteadiness: see the constant."""

    across: float
    growth: float
    unsteadiness: float

    @property
    def speed(self) -> float:
        return self.across + self.growth


def _motion(times: NDArray[np.float64], boxes: NDArray[np.float32]) -> _Motion:
    t = times - times.mean()
    size = np.log(np.maximum(boxes[:, 3] - boxes[:, 1], 1.0).astype(np.float64))
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    growth = float((t @ size) / (t @ t))
    across = float(np.hypot(*(t @ middle) / (t @ t)) / np.exp(np.median(size)))
    return _Motion(across, abs(growth), float(np.std(size - growth * t)))


def _judge(times: NDArray[np.float64], sources: list[_Signals], motion: _Motion) -> float:
    """The stride frequency of a window in which the person walks, or 0."""
    if motion.unsteadiness > MAX_UNSTEADINESS:
        return 0.0  # crouches, jumps, falls, or is not wholly seen
    even = _best(_rhythm(times, source.even, 2, EVEN_AMPLITUDE) for source in sources)
    moving = motion.speed >= MOVING
    down = _best(_rhythm(times, source.down, 1, ODD_AMPLITUDE, crossing=not moving) for source in sources)
    across = _best(_rhythm(times, source.across, 1, ODD_AMPLITUDE, crossing=not moving) for source in sources)
    if moving:
        best = _best((even, down, across))
        if best.share >= RHYTHM_MOVING:
            return _stride_hz(even, down, across)
        if motion.across >= STRIDING and _activity(sources) >= LEG_ACTIVITY:
            return _stride_hz(even, down, across) or USUAL_STRIDE_HZ
        return 0.0
    # Who stays where he is may sway (across, without the legs opening) or jump (opening, without sides).
    if motion.unsteadiness > UNSTEADINESS_IN_PLACE:
        return 0.0
    best = _best((even, down))
    sides_known = any(_enough(source.across) for source in sources)
    alternates = max(down.share, across.share) >= ALTERNATION or not sides_known
    return _stride_hz(even, down, across) if best.share >= RHYTHM_IN_PLACE and alternates else 0.0


def _stride_hz(even: _Rhythm, down: _Rhythm, across: _Rhythm) -> float:
    """One stride frequency out of three; 0 when there is none.

    One oscillation a step or one a stride? Seen obliquely, the near leg swings wider, so that the legs'
    distance has one great maximum a stride; seen from far, a detector calls the front leg always the left,
    so that the signed distance repeats every step. Then both find the same oscillation and read it
    differently by a factor of two, and the reading that is nearer to a usual walk is taken.
    """
    best = _best((even, down, across))
    if best is even and even.share > 0:
        readings = [even.stride_hz]
        if across.share >= 0.5 * even.share and abs(across.stride_hz - 2 * even.stride_hz) <= SAME_HZ:
            readings.append(across.stride_hz)
    else:
        readings = [best.stride_hz]
        if even.share >= 0.5 * best.share > 0 and abs(best.stride_hz - 2 * even.stride_hz) <= SAME_HZ:
            readings.append(even.stride_hz)
    return min(readings, key=lambda hz: abs(np.log(max(hz, 1e-6) / USUAL_STRIDE_HZ)))


def _best(rhythms: Iterable[_Rhythm]) -> _Rhythm:
    return max(rhythms, key=lambda rhythm: rhythm.share)


def _enough(signals: NDArray[np.float64]) -> bool:
    return len(signals) > 0 and bool(np.isfinite(signals).sum(axis=1).max() >= MIN_SAMPLES)


def _activity(sources: list[_Signals]) -> float:
    """The largest standard deviation of an even signal."""
    known = [signal[np.isfinite(signal)] for source in sources for signal in source.even]
    return max((float(np.std(signal)) for signal in known if len(signal) >= MIN_SAMPLES), default=0.0)


def _rhythm(
    times: NDArray[np.float64],
    signals: NDArray[np.float64],
    harmonic: int,
    amplitude: float,
    crossing: bool = False,
) -> _Rhythm:
    """The strongest sinusoid at `harmonic` times a stride frequency in any of the signals (S×n).

    crossing: it must also be larger than the signal's mean, so that the signal changes its sign.

    The share of variance is taken after a linear trend is removed, and adjusted for the five numbers
    that the fit may choose (trend, phase, amplitude, frequency), so that noise has a share of about 0.
    """
    best = _Rhythm(0.0, 0.0)
    fastest = min(SEARCH_HZ[1], 0.5 / (harmonic * float(np.median(np.diff(times)))))  # Nyquist
    stride = np.arange(SEARCH_HZ[0], fastest + 1e-9, STRIDE_STEP_HZ)
    if not len(stride):
        return best
    for signal in signals:
        known = np.isfinite(signal)
        n = int(known.sum())
        if n < MIN_SAMPLES or n < 0.5 * len(signal):
            continue
        t = times[known] - times[known].mean()
        trend = np.stack([np.full(n, 1 / np.sqrt(n)), t / np.sqrt(t @ t)])
        rest = signal[known] - (signal[known] @ trend.T) @ trend
        total = float(rest @ rest)
        if total <= 0:
            continue
        angle = 2 * np.pi * harmonic * stride[:, None] * t
        waves = np.stack([np.cos(angle), np.sin(angle)])  # 2×F×n
        waves -= (waves @ trend.T) @ trend
        gram = np.einsum("ifn,jfn->fij", waves, waves) + 1e-9 * np.eye(2)
        inner = np.einsum("ifn,n->fi", waves, rest)
        weights = np.linalg.solve(gram, inner[..., None])[..., 0]
        explained = (weights * inner).sum(axis=1) / total
        at = int(np.argmax(explained))
        turns = harmonic * stride[at] * (t[-1] - t[0])
        if not STRIDE_HZ[0] <= stride[at] <= STRIDE_HZ[1] or turns < MIN_TURNS:
            continue
        least = max(amplitude, abs(float(signal[known].mean()))) if crossing else amplitude
        share = 1 - (1 - float(explained[at])) * (n - 1) / (n - 6)
        if share > best.share and np.hypot(*weights[at]) >= least:
            best = _Rhythm(float(stride[at]), share)
    return best


def _runs(times: NDArray[np.float64], walking: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without runs of walking that are too short to be any."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], walking, [False]]).astype(np.int8)))
    kept = np.zeros_like(walking)
    for first, end in edges.reshape(-1, 2):
        if times[end - 1] - times[first] >= MIN_WALK_S:
            kept[first:end] = True
    return kept
