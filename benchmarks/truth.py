"""Silhouettes against the true outlines of composited walkers: who is who, how alike, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from naive import SAME, Seen, iou

from meshgait_cli.people.silhouette import normalise
from meshgait_cli.records import SIDE_CUT
from meshgait_cli.results.directory import Result
from meshgait_cli.synth.scenes import SceneTruth

WHITE = 127
SMALL_PX = 32  # people less tall are refused by the product
SHOWN = 0.5  # a frame counts where so much of the walker is seen, of what lies in the picture
_END = 0.08  # of the height, that is feet, or head
_KEPT = 0.4  # of the feet's or the head's pixels, below which they are missing
_LOW, _GLUED = 0.2, 0.03  # of the height, where shadows are glued on; of the area, that is one
_NEAR = 2  # pixels of 64 by which an outline may be off
_PAD = 16
FAULTS = ("no_feet", "no_head", "glued_shadow", "iou_below_0.7")


@dataclass(slots=True, eq=False)
class Walk:
    """One walker in one scene. true: frame → 64×64 silhouette of what is seen of it, for the frames that
    count. found: frame → (silhouette, transform), by some chain."""

    scene: int
    person: int
    walker: int
    outfit: int
    appearance: int
    true: dict[int, np.ndarray] = field(default_factory=dict)
    clear: set[int] = field(default_factory=set)


Found = dict[int, tuple[np.ndarray, np.ndarray]]  # frame → silhouette, transform


def walks_of(scene: int, truth: SceneTruth) -> list[Walk]:
    """Each walker of a scene with its true silhouettes."""
    out = []
    height, width = truth.visible.shape[2:]
    for number, walker in enumerate(truth.walkers):
        walk = Walk(scene, walker.number, number, walker.outfit, walker.appearance)
        for frame, (seen, whole) in enumerate(zip(truth.visible[number], truth.whole[number], strict=True)):
            tall = int(seen.any(1).sum())
            if tall < SMALL_PX or seen.sum() < SHOWN * whole.sum():
                continue
            done = normalise(seen)
            if done is None:
                continue
            walk.true[frame] = done.silhouette
            x1, y1, x2, y2 = truth.boxes[number, frame]
            inside = x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height
            if inside and seen.sum() > 0.97 * whole.sum():
                walk.clear.add(frame)
        out.append(walk)
    return out


def _box(mask: np.ndarray) -> np.ndarray:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def _whose(frame: int, box: np.ndarray, truth: SceneTruth) -> int | None:
    """Which walker of the scene a box shows."""
    best, who = SAME, None
    for number, masks in enumerate(truth.visible):
        if masks[frame].any() and (share := iou(box, _box(masks[frame]))) > best:
            best, who = share, number
    return who


def ours(result: Result, truth: SceneTruth) -> list[Found]:
    """What `extract` made of each walker of a scene, by the box in each frame."""
    import pyarrow.parquet as pq

    table = pq.read_table(result.folder / "tracks.parquet").to_pydict()
    boxes = np.stack([table[name] for name in ("x1", "y1", "x2", "y2")], 1) if table["frame"] else []
    of = {(int(t), int(f)): box for t, f, box in zip(table["track"], table["frame"], boxes, strict=True)}
    out: list[Found] = [{} for _ in truth.walkers]
    for track in result.tracks:
        own = result.silhouettes(track)
        for frame, silhouette, transform in zip(own.frames, own.silhouettes, own.transform, strict=True):
            box = of.get((track.id, int(frame)))
            who = None if box is None or not silhouette.any() else _whose(int(frame), box, truth)
            if who is not None:
                out[who][int(frame)] = (silhouette, transform)
    return out


def theirs(seen: list[Seen], truth: SceneTruth) -> list[Found]:
    """The same of the naive chain."""
    out: list[Found] = [{} for _ in truth.walkers]
    for one in seen:
        who = _whose(one.frame, one.box, truth)
        if who is not None:
            out[who][one.frame] = (one.silhouette, one.transform)
    return out


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """IoU at 64×44."""
    one, other = (each[:, SIDE_CUT:-SIDE_CUT] > WHITE for each in (a, b))
    return float((one & other).sum() / max((one | other).sum(), 1))


def in_place(
    silhouette: np.ndarray, transform: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A silhouette, and the walker's true H×W mask brought to its place and scale: masks of one size, with
    room round the silhouette."""
    scale, left, top = (float(value) for value in transform)
    shift = 0.5 - _PAD
    matrix = np.array([[1 / scale, 0, left + shift / scale - 0.5], [0, 1 / scale, top + shift / scale - 0.5]])
    side = 64 + 2 * _PAD
    smooth = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), max(0.3, 0.35 / scale))
    placed = cv2.warpAffine(smooth, matrix, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.pad(silhouette > WHITE, _PAD), placed > 0.5


def overlap(silhouette: np.ndarray, transform: np.ndarray, seen: np.ndarray) -> float:
    """IoU of a silhouette with the true mask in the same place: what the segmentation alone is worth, without
    the step of a whole column by which a silhouette's centre may differ."""
    made, placed = in_place(silhouette, transform, seen)
    return float((made & placed).sum() / max((made | placed).sum(), 1))


def faults(silhouette: np.ndarray, transform: np.ndarray, seen: np.ndarray, true: np.ndarray) -> list[bool]:
    """Which of FAULTS a silhouette has. seen: the walker's true H×W mask, true: its silhouette.

    All but the IoU are looked for in place, so that what is lost at one end is no error all over.
    """
    made, placed = in_place(silhouette, transform, seen)
    rows = np.flatnonzero(placed.any(1))
    if not len(rows):
        return [True, True, False, True]
    first, last = int(rows[0]), int(rows[-1]) + 1
    tall = last - first
    end = max(1, round(_END * tall))
    feet, head = placed[last - end : last], placed[first : first + end]
    lost = [
        (part & covered).sum() < _KEPT * part.sum()
        for part, covered in ((feet, made[last - end : last]), (head, made[first : first + end]))
    ]
    near = cv2.dilate(placed.astype(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)) > 0
    extra = (made & ~near)[last - round(_LOW * tall) :].sum()
    return [
        bool(lost[0]),
        bool(lost[1]),
        bool(extra > _GLUED * placed.sum()),
        likeness(silhouette, true) < 0.7,
    ]
