"""How good a gait sample is, and in plain words why not: a frame at a time, then a whole track.

The limits are choices, made on three recordings (see `walking`) and not tested on others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..records import TrackQuality
from .walking import recognise

__all__ = ["FrameQuality", "Mask", "TrackAssessment", "frame_quality", "track_quality"]

# One frame.
BORDER_PX = 2.0  # a box or mask this near the picture's border is cut off by it
END_MARGIN = 0.10  # box heights by which the mask's ends may miss the box's: head and feet are there
SPILL_MARGIN = 0.30  # box heights by which the mask may leave the box: else it is on the background
MIN_FILL, MAX_FILL = 0.12, 0.92  # of the box that a whole person covers
MIN_PIECE = 0.85  # share of the mask in its largest connected piece
MIN_PREDICTED_IOU = 0.5  # SAM's own estimate of its mask

# One track.
MIN_HEIGHT_PX = 32.0  # half of the silhouette's 64 rows; below that they are mostly made up
MAX_OVERLAP = 0.5  # of the person's box inside another's: whose legs they are cannot be told
OVERLAPPED = 0.2  # from here a frame counts in overlap_fraction
MASS_RANGE = (0.65, 1.5)  # of the track's median: a silhouette outside has lost, or gained, a part
MIN_SILHOUETTES = 15
MIN_CYCLES = 1.5  # gait cycles, two steps each: fewer can be a turn and a shift of weight
MOSTLY = 0.3  # share of frames from which a fault is named among the reasons

CHUNK = 1024  # silhouettes read at a time, which may be mapped from disk

# The score is 1 from these on.
FULL_HEIGHT_PX = 128.0
FULL_CYCLES = 4.0


class Mask(Protocol):
    """What a segmenter gives: mask h×w bool; its top-left corner in the picture and the picture pixels
    a mask pixel; SAM's predicted IoU, 0-1."""

    @property
    def mask(self) -> NDArray[np.bool_]: ...
    @property
    def left(self) -> float: ...
    @property
    def top(self) -> float: ...
    @property
    def pixel(self) -> float: ...
    @property
    def predicted_iou(self) -> float: ...


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """height_px: of the box. cut: by the picture's border. complete: the mask has head and feet, is in
    one piece and fits the box. overlap: the largest share of the box inside another person's, 0-1."""

    height_px: float
    cut: bool
    complete: bool
    overlap: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackAssessment:
    """quality: of the track. walking: T bool. good: T bool, the frames to embed."""

    quality: TrackQuality
    walking: NDArray[np.bool_]
    good: NDArray[np.bool_]


def frame_quality(
    box: NDArray[np.float32], image_size: tuple[int, int], mask: Mask, others: NDArray[np.float32]
) -> FrameQuality:
    """box: (4,) x1, y1, x2, y2 in pixels. image_size: (width, height). others: N×4 boxes of other people."""
    own = np.asarray(box, dtype=np.float64)
    extent = _extent(mask)
    cut = _at_border(own, image_size, BORDER_PX)
    if extent is not None:
        cut = cut or _at_border(extent, image_size, max(1.0, mask.pixel))
    return FrameQuality(
        height_px=float(own[3] - own[1]),
        cut=cut,
        complete=extent is not None and _complete(own, extent, mask),
        overlap=_overlap(own, np.asarray(others, dtype=np.float64).reshape(-1, 4)),
    )


def _extent(mask: Mask) -> NDArray[np.float64] | None:
    """The mask's bounding box in the picture, x1, y1, x2, y2; None when it is empty."""
    rows, columns = np.flatnonzero(mask.mask.any(axis=1)), np.flatnonzero(mask.mask.any(axis=0))
    if not len(rows):
        return None
    corners = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)
    return corners * mask.pixel + np.array([mask.left, mask.top, mask.left, mask.top])


def _at_border(box: NDArray[np.float64], image_size: tuple[int, int], margin: float) -> bool:
    width, height = image_size
    return bool(box[0] <= margin or box[1] <= margin or box[2] >= width - margin or box[3] >= height - margin)


def _complete(box: NDArray[np.float64], extent: NDArray[np.float64], mask: Mask) -> bool:
    width, height = np.maximum(box[2:] - box[:2], 1.0)
    head = extent[1] - box[1] <= END_MARGIN * height
    feet = box[3] - extent[3] <= END_MARGIN * height
    outside = np.concatenate([box[:2] - extent[:2], extent[2:] - box[2:]]).max()
    white = np.asarray(mask.mask, dtype=np.uint8)
    area = float(np.count_nonzero(white))
    fill = area * mask.pixel**2 / (width * height)
    pieces = cv2.connectedComponentsWithStats(white, connectivity=8)[2]
    largest = float(pieces[1:, cv2.CC_STAT_AREA].max()) / area
    return bool(
        head
        and feet
        and outside <= SPILL_MARGIN * height
        and MIN_FILL <= fill <= MAX_FILL
        and largest >= MIN_PIECE
        and mask.predicted_iou >= MIN_PREDICTED_IOU
    )


def _overlap(box: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    area = max(float(np.prod(box[2:] - box[:2])), 1e-6)
    return min(1.0, float(np.prod(np.maximum(sides, 0.0), axis=1).max(initial=0.0)) / area)


def track_quality(
    frames: NDArray[np.int64],
    times: NDArray[np.float64],
    boxes: NDArray[np.float32],
    keypoints: NDArray[np.float32],
    silhouettes: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    cut: NDArray[np.bool_],
    complete: NDArray[np.bool_],
    overlap: NDArray[np.float32],
) -> TrackAssessment:
    """Judge one track of T frames.

    frames, times (seconds): T, increasing. boxes: T×4. keypoints: T×17×3, NaN where unknown. silhouettes:
    T×64×64 uint8 (may be mapped from disk), read where `valid`. cut, complete, overlap: `frame_quality`'s.
    """
    gait = recognise(times, boxes, keypoints, silhouettes, valid)
    whole = _whole(silhouettes, valid, complete, cut)
    clean = whole & ~cut & (overlap <= MAX_OVERLAP)
    good = clean & gait.walking
    height = float(np.median(boxes[:, 3] - boxes[:, 1])) if len(frames) else 0.0
    cycles = gait.cycles(times)
    seen = gait.cycles(times, good)
    reasons = []
    if height < MIN_HEIGHT_PX:
        reasons.append(f"too small: {height:.0f} px tall, {MIN_HEIGHT_PX:.0f} needed")
    if min(cycles / MIN_CYCLES, good.sum() / MIN_SILHOUETTES) < 1 and _share(gait.walking) < MOSTLY:
        reasons.append(
            f"stands or does not walk (walking in {int(gait.walking.sum())} of {len(frames)} frames)"
        )
    elif cycles < MIN_CYCLES:
        reasons.append(f"less than {MIN_CYCLES:g} gait cycles seen ({cycles:.1f})")
    elif good.sum() < MIN_SILHOUETTES:
        reasons.append(f"too few silhouettes of walking: {int(good.sum())}, {MIN_SILHOUETTES} needed")
    elif seen < MIN_CYCLES:
        reasons.append(f"less than {MIN_CYCLES:g} gait cycles seen whole ({seen:.1f})")
    if reasons:
        reasons += _faults(whole, cut, overlap)
    quality = TrackQuality(
        usable=not reasons,
        reasons=tuple(reasons),
        score=0.0 if reasons else _score(height, seen, float(good.sum() / gait.walking.sum())),
        height_px=height,
        cut_fraction=_share(cut),
        complete_fraction=_share(whole),
        overlap_fraction=_share(overlap > OVERLAPPED),
        walking_fraction=_share(gait.walking),
        gait_cycles=cycles,
        silhouettes=int(clean.sum()),
    )
    return TrackAssessment(quality, gait.walking, good)


def _whole(
    silhouettes: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    complete: NDArray[np.bool_],
    cut: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Frames with a complete silhouette whose area is like that of the track's others, cut ones aside."""
    mass = np.zeros(len(valid))
    rows = np.flatnonzero(valid & complete)
    for chunk in np.array_split(rows, len(rows) // CHUNK + 1):
        mass[chunk] = np.asarray(silhouettes[chunk]).sum(axis=(1, 2), dtype=np.float64)
    model = rows[~cut[rows]] if (~cut[rows]).any() else rows
    usual = float(np.median(mass[model])) if len(model) else 0.0
    like = (mass >= MASS_RANGE[0] * usual) & (mass <= MASS_RANGE[1] * usual)
    return valid & complete & like


def _faults(whole: NDArray[np.bool_], cut: NDArray[np.bool_], overlap: NDArray[np.float32]) -> list[str]:
    """What else is wrong with a track that is refused anyway; each frame counts for its first fault."""
    hidden = (overlap > MAX_OVERLAP) & ~cut
    partial = ~whole & ~cut & ~hidden
    faults = (
        (cut, "cut off by the picture's border"),
        (hidden, "covered by another person"),
        (partial, "without a whole silhouette"),
    )
    return [f"{what} in {_share(bad):.0%} of the frames" for bad, what in faults if _share(bad) >= MOSTLY]


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _score(height: float, cycles: float, clean: float) -> float:
    """Square roots, since the second half of each good thing is worth less than the first."""
    size, length = min(1.0, height / FULL_HEIGHT_PX), min(1.0, cycles / FULL_CYCLES)
    return float(np.sqrt(size * length * clean))
