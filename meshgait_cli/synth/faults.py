"""What detectors and SAM do to an outline.

The faults that hurt are those that *persist*: a shadow that joins the feet, the same chunk missing frame
after frame, a head that melts into the shoulders, limbs lost to a coarse mask. So each sequence draws its
faults once (`sample_faults`), and each frame varies them a little (`Faults.apply`). The mask decoder of SAM
answers on a coarse grid (a person is some 50 cells tall) that is blown up and cut at a threshold: `rows`,
`threshold` and `noise` model that.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SEVERITIES", "Chunk", "Faults", "Passer", "Shadow", "sample_faults"]

SEVERITIES = ("clean", "mild", "heavy")
Mask = NDArray[np.uint8]
Array = NDArray[np.float64]
_FEET = (10, 11)


@dataclass(frozen=True, slots=True)
class Shadow:
    """length, thickness: shares of the person's height. slope: rise over run. sign: to the left or right.
    bar: also joins the feet. chance: a frame's probability of showing it."""

    sign: int
    length: float
    thickness: float
    slope: float
    bar: bool
    chance: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """An ellipse added (value 255) or lost (0) near a joint; sizes are shares of the person's height."""

    joint: int
    x: float
    y: float
    width: float
    height: float
    value: int
    chance: float


@dataclass(frozen=True, slots=True)
class Passer:
    """Something upright between the camera and the walker, who comes by it: a pole, a car, a hedge, somebody.

    at: share of the sequence after which it is before the walker's middle. speed: heights a frame, to the
    right. width, tall: shares of the walker's height, from the feet up. joins: it is a person, and becomes
    part of the mask; else it hides what is behind it.
    """

    at: float
    speed: float
    width: float
    tall: float
    joins: bool


@dataclass(frozen=True, slots=True, eq=False)
class Faults:
    """One sequence's faults; lengths are shares of the person's height.

    rows: cells of the coarse grid along the height, 0 for none; blocky: cells blown up without smoothing.
    blur: of the edge. threshold: 0-1. noise, still: strength of noise that changes each frame, that stays.
    close, open: gaps that fill, parts so thin that they vanish. melt: head and shoulders run together.
    feet, head: cut off. side: share of the width cut off, negative on the left. wreck: chance of a frame
    that loses a half. passer: what comes between. seed: of the noise that stays.
    """

    severity: str
    rows: int
    blocky: bool
    blur: float
    threshold: float
    noise: float
    still: float
    close: float
    open: float
    melt: float
    feet: float
    head: float
    side: float
    shadow: Shadow | None
    chunks: tuple[Chunk, ...]
    wreck: float
    passer: Passer | None
    seed: int

    def apply(self, masks: Mask, joints: Array, rng: np.random.Generator) -> Mask:
        """T×H×W masks (0 or 255) with this sequence's faults. joints: T×24×2 pixels."""
        if self.severity == "clean" and not self.rows:
            return masks
        still = _grid_noise(np.random.default_rng(self.seed), masks.shape[1:])
        still *= self.still
        last = max(1, len(masks) - 1)
        return np.stack(
            [
                self._frame(mask, place, t, last, still, rng)
                for t, (mask, place) in enumerate(zip(masks, joints, strict=True))
            ]
        )

    def _frame(
        self,
        clean: Mask,
        joints: Array,
        t: int,
        last: int,
        still: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> Mask:
        rows = np.flatnonzero(clean.any(1))
        if len(rows) < 8:
            return clean
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        tall = bottom - top
        mask = clean.copy()
        if self.melt:
            _melt(mask, joints, self.melt * tall)
        if self.shadow is not None and rng.random() < self.shadow.chance:
            _cast(mask, joints, self.shadow, bottom, tall, rng)
        if self.close:
            _morph(mask, cv2.MORPH_CLOSE, self.close * tall)
        if self.open:
            _morph(mask, cv2.MORPH_OPEN, self.open * tall)
        for chunk in self.chunks:
            if rng.random() < chunk.chance:
                _chunk(mask, joints, chunk, tall, rng)
        if self.passer is not None:
            _pass(mask, self.passer, t - self.passer.at * last, bottom, tall)
            if not mask.any():
                return mask
        mask = self._threshold(mask, tall, still, rng)
        _keep_main_part(mask)
        self._cut(mask, rng)
        return mask if cv2.countNonZero(mask) > 0.25 * cv2.countNonZero(clean) else clean

    def _threshold(self, mask: Mask, tall: int, still: NDArray[np.float32], rng: np.random.Generator) -> Mask:
        """The coarse grid: shrink, add noise at the edges, cut, blow up. still: as it is added."""
        height, width = mask.shape
        soft = (mask & 1).astype(np.float32)
        factor = min(1.0, self.rows / tall) if self.rows else 1.0
        if factor < 1:
            size = (max(4, round(width * factor)), max(4, round(height * factor)))
            soft = cv2.resize(soft, size, interpolation=cv2.INTER_AREA)
        if self.blur:
            soft = cv2.GaussianBlur(soft, (0, 0), max(0.35, self.blur * tall * factor))
        if self.noise or self.still:
            field = _grid_noise(rng, mask.shape)
            field *= self.noise
            field += still
            # Noise moves the edge; it makes no holes deep inside and no specks far outside.
            edge = 4 * soft
            edge *= 1 - soft
            edge += 0.25
            edge *= cv2.resize(field, soft.shape[::-1], interpolation=cv2.INTER_LINEAR)
            soft += edge
        if factor < 1 and self.blocky:
            return cv2.resize(_white(soft > self.threshold), (width, height), interpolation=cv2.INTER_NEAREST)
        if factor < 1:
            soft = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
        return _white(soft > self.threshold)

    def _cut(self, mask: Mask, rng: np.random.Generator) -> None:
        left, top, wide, tall = cv2.boundingRect(mask)
        if not tall:
            return
        right, bottom = left + wide, top + tall
        jitter = rng.uniform(0.6, 1.1)
        if self.feet:
            mask[bottom - int(self.feet * tall * jitter) :] = 0
        if self.head:
            mask[: top + int(self.head * tall * jitter)] = 0
        if self.side > 0:
            mask[:, right - int(self.side * wide * jitter) :] = 0
        elif self.side < 0:
            mask[:, : left + int(-self.side * wide * jitter)] = 0
        if rng.random() < self.wreck:
            at = top + int(tall * rng.uniform(0.3, 0.8))
            if rng.random() < 0.5:
                mask[at:] = 0
            else:
                mask[:at] = 0


def _grid_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Smooth noise of unit strength, some 12 cells to the height."""
    height, width = shape
    cells = rng.standard_normal((13, max(3, round(13 * width / height))), dtype=np.float32)
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)


def _white(where: NDArray[np.bool_]) -> Mask:
    """255 where, 0 elsewhere."""
    return np.negative(where.view(np.uint8))


def _morph(mask: Mask, how: int, size: float) -> None:
    """Close or open what is white, in place, by a disc of `size` pixels."""
    k = max(2, round(size))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (k, k))
    left, top, wide, tall = cv2.boundingRect(mask)
    # Nothing changes farther from what is white than the disc reaches, and back.
    reach = 2 * k + 1
    near = mask[max(0, top - reach) : top + tall + reach, max(0, left - reach) : left + wide + reach]
    near[:] = cv2.morphologyEx(near, how, disc)


def _melt(mask: Mask, joints: Array, grow: float) -> None:
    """Fill between head and shoulders."""
    around = joints[[15, 12, 16, 17]]
    head = joints[15] + (joints[15] - joints[12]) * 0.7
    wide = np.array([grow, 0.0])
    points = np.concatenate([around, np.stack([head + wide, head - wide])])
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 255)


def _cast(
    mask: Mask, joints: Array, shadow: Shadow, bottom: int, tall: int, rng: np.random.Generator
) -> None:
    thick = max(1, round(shadow.thickness * tall))
    y = bottom - thick / 2
    reach = shadow.length * tall * rng.uniform(0.75, 1.1)
    for foot in _FEET:
        if bottom - joints[foot, 1] < 0.1 * tall:
            start = (round(joints[foot, 0]), round(y))
            end = (round(joints[foot, 0] + shadow.sign * reach), round(y - shadow.slope * reach))
            cv2.line(mask, start, end, 255, thick)
    if shadow.bar:
        x0, x1 = sorted((joints[7, 0], joints[8, 0]))
        cv2.line(mask, (round(x0), round(y)), (round(x1), round(y)), 255, thick)


def _chunk(mask: Mask, joints: Array, chunk: Chunk, tall: int, rng: np.random.Generator) -> None:
    x, y = joints[chunk.joint] + np.array([chunk.x, chunk.y]) * tall + rng.normal(0, 0.008 * tall, 2)
    vary = rng.uniform(0.8, 1.2) * tall
    axes = (max(1, round(chunk.width * vary)), max(1, round(chunk.height * vary)))
    cv2.ellipse(mask, (round(x), round(y)), axes, 0, 0, 360, chunk.value, -1)


def _pass(mask: Mask, passer: Passer, frames: float, bottom: int, tall: int) -> None:
    """frames: since it was before the walker's middle, which is the picture's."""
    x = mask.shape[1] / 2 + frames * passer.speed * tall
    half, top = passer.width * tall / 2, round(bottom - passer.tall * tall)
    left, right = round(x - half), round(x + half)
    if right <= 0 or left >= mask.shape[1]:
        return
    if not passer.joins:
        before = cv2.countNonZero(mask)
        mask[max(0, top) :, max(0, left) : right] = 0
        if cv2.countNonZero(mask) < 0.4 * before:
            mask[:] = 0  # lost to the detector too
        return
    size = passer.tall * tall
    chin, hips = top + 0.15 * size, top + 0.52 * size
    cv2.circle(mask, (round(x), round(top + 0.075 * size)), max(1, round(0.07 * size)), 255, -1)
    trunk = (round(x), round((chin + hips) / 2)), (max(1, round(half)), round(0.6 * (hips - chin)))
    cv2.ellipse(mask, *trunk, 0, 0, 360, 255, -1)
    for side in (-1, 1):
        foot = (round(x + side * 0.8 * half), bottom)
        cv2.line(mask, (round(x + side * 0.3 * half), round(hips)), foot, 255, max(1, round(0.09 * size)))


def _keep_main_part(mask: Mask) -> None:
    """Leave the largest piece, and those at least an eighth of its size."""
    left, top, wide, tall = cv2.boundingRect(mask)
    if not tall:
        return
    part = mask[top : top + tall, left : left + wide]
    # Most masks are one piece, and to count pieces takes a third of the time of measuring them.
    if cv2.connectedComponents(part, connectivity=8, ltype=cv2.CV_16U)[0] <= 2:
        return
    _, labels, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = areas >= 0.125 * areas[1:].max()
    keep[0] = False
    part[:] = _white(keep[labels])


def sample_faults(rng: np.random.Generator, severity: str | None = None) -> Faults:
    """One sequence's faults. severity: clean, mild or heavy; None draws one."""
    if severity is None:
        severity = str(rng.choice(SEVERITIES, p=[0.22, 0.45, 0.33]))
    bad = {"clean": 0.0, "mild": 0.45, "heavy": 1.0}[severity]

    def maybe(chance: float) -> bool:
        return bool(rng.random() < chance * bad)

    shadow = None
    if maybe(0.4):
        shadow = Shadow(
            sign=int(rng.choice([-1, 1])),
            length=float(rng.uniform(0.05, 0.45)),
            thickness=float(rng.uniform(0.012, 0.05)),
            slope=float(rng.uniform(0, 0.25)),
            bar=bool(rng.random() < 0.5),
            chance=float(rng.uniform(0.6, 1)),
        )
    chunks = []
    joints = (0, 1, 2, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20, 21)
    for _ in range(int(rng.integers(0, 4)) if maybe(0.75) else 0):
        lost = rng.random() < 0.7
        size = rng.uniform(0.02, 0.09, 2) if lost else rng.uniform(0.02, 0.06, 2)
        chunks.append(
            Chunk(
                joint=int(rng.choice(joints)),
                x=float(rng.normal(0, 0.03)),
                y=float(rng.normal(0, 0.03)),
                width=float(size[0]),
                height=float(size[1]),
                value=0 if lost else 255,
                chance=float(rng.uniform(0.25, 1)),
            )
        )
    passer = _sample_passer(rng) if maybe(0.18) else None
    # Even a clean mask comes off SAM's grid more often than not.
    rows = int(rng.uniform(26, 64) if bad else rng.uniform(44, 70)) if rng.random() < 0.7 else 0
    return Faults(
        severity=severity,
        rows=rows,
        blocky=maybe(0.3),
        blur=float(rng.uniform(0.004, 0.016)) if bad else 0.006,
        threshold=float(rng.uniform(0.5 - 0.22 * bad, 0.5 + 0.15 * bad)),
        noise=float(rng.uniform(0.03, 0.28) * bad),
        still=float(rng.uniform(0.0, 0.25) * bad),
        close=float(rng.uniform(0.02, 0.075)) if maybe(0.45) else 0.0,
        open=float(rng.uniform(0.02, 0.05)) if maybe(0.25) else 0.0,
        melt=float(rng.uniform(0.02, 0.07)) if maybe(0.2) else 0.0,
        feet=float(rng.uniform(0.01, 0.09)) if maybe(0.35) else 0.0,
        head=float(rng.uniform(0.01, 0.08)) if maybe(0.2) else 0.0,
        side=float(rng.choice([-1, 1]) * rng.uniform(0.05, 0.3)) if maybe(0.1) else 0.0,
        shadow=shadow,
        chunks=tuple(chunks),
        wreck=0.05 if maybe(0.3) else 0.0,
        passer=passer,
        seed=int(rng.integers(2**31)),
    )


def _sample_passer(rng: np.random.Generator) -> Passer:
    """A pole, something low and wide, or somebody else."""
    kind = rng.random()
    if kind < 0.4:
        width, tall = rng.uniform(0.03, 0.14), 1.3
    elif kind < 0.7:
        width, tall = rng.uniform(0.3, 2.5), rng.uniform(0.08, 0.4)
    else:
        width, tall = rng.uniform(0.14, 0.26), rng.uniform(0.8, 1.1)
    # A step is nearly half a height; at 8 to 60 frames a second some 0.02 to 0.1 of it a frame.
    return Passer(
        at=float(rng.uniform(-0.1, 1.1)),
        speed=float(rng.choice([-1, 1]) * rng.uniform(0.01, 0.12)),
        width=float(width),
        tall=float(tall),
        joins=bool(kind > 0.88),
    )
