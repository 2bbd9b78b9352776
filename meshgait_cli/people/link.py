"""Tracklets to people: bridge gaps, and undo or refuse identity switches.

A tracker works forwards and must decide at once; afterwards one sees both sides of a gap or a crossing.
So every tracklet is cut where its owner may have changed (after it was mixed up with another box, at
impossible jumps, and where the clothes became others), and the pieces are joined again where motion, size
and clothes agree on exactly one way. Where they do not, the pieces stay separate people: one person in two
tracks does less harm than two people in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..records import Track

__all__ = ["Piece", "link"]

MAX_GAP_S = 2.5  # a person hidden for longer is somebody new
OVERLAP = 0.35  # IoU of two boxes from which one may take the other's place
JUMP = 0.6  # box heights between adjacent frames that nobody walks, plus SPEED
SPEED = 4.0  # box heights a second
GROWTH = 1.5  # ratio of heights in adjacent frames
CHANGED = 0.75  # distance of clothes that nobody's own reach; in street footage one person's stay under 0.65
LIMIT = 1.0  # costs above it are never joined
MARGIN = 0.15  # by which the best joining must beat the second best
STAY = 0.25  # advantage of what the tracker itself believed
_EDGE_S = 0.8  # seconds from which an end's motion, size and clothes are taken
_WORN_S = 2.0  # seconds before and after which clothes are compared
_FEW = 5  # frames from which clothes can be told
_SETTLE = 0.1  # IoU under which two boxes have parted


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows start to stop of one tracklet."""

    tracklet: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    """What a piece looks like at one of its ends. time: of the end; seen: when the person was last (or first)
    seen clear of others, which is where centre, velocity (pixels a second) and the rest are taken."""

    time: float
    seen: float
    centre: NDArray[np.float64]
    velocity: NDArray[np.float64]
    height: float
    clothes: NDArray[np.float64]


def link(tracklets: Sequence[Track], frame_size: tuple[int, int]) -> list[list[Piece]]:
    """People as chains of pieces, each in time order. frame_size: (width, height) in pixels."""
    tracks = {track.id: track for track in tracklets if len(track)}
    mixed = {track.id: np.zeros(len(track), dtype=bool) for track in tracks.values()}
    cuts = {track.id: _jumps(track) | _changes(track) for track in tracks.values()}
    _mark_meetings(list(tracks.values()), mixed, cuts)
    pieces = [
        Piece(track.id, start, stop)
        for track in tracks.values()
        for start, stop in _between(len(track), cuts[track.id])
    ]
    pieces.sort(key=lambda piece: (tracks[piece.tracklet].times[piece.start], piece.tracklet))
    following = _join(pieces, tracks, mixed, frame_size)
    chains: list[list[Piece]] = []
    for first in sorted(set(range(len(pieces))) - set(following.values())):
        chain = [first]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append([pieces[index] for index in chain])
    return chains


def _between(length: int, cuts: set[int]) -> list[tuple[int, int]]:
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < length), length]
    return list(pairwise(edges))


def _jumps(track: Track) -> set[int]:
    """Rows before which the box leaps or changes size as no person does."""
    if len(track) < 2:
        return set()
    boxes = track.boxes.astype(np.float64)
    height = boxes[:, 3] - boxes[:, 1]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    seconds = np.maximum(np.diff(track.times), 1e-3)
    smaller = np.minimum(height[1:], height[:-1]).clip(1)
    moved = np.abs(np.diff(centre, axis=0))[:, 0] / smaller
    grown = np.maximum(height[1:], height[:-1]) / smaller
    # Boxes shrink and grow in height when legs are hidden: only together with a sideways step is it a leap.
    leap = (moved > JUMP + SPEED * seconds) | ((grown > GROWTH) & (moved > JUMP / 2))
    return set((np.flatnonzero(leap) + 1).tolist())


def _changes(track: Track) -> set[int]:
    """Rows before which the clothes are others than after: the tracker went over to somebody whom no box of
    their own had shown."""
    worn = np.concatenate([np.zeros((1, track.appearance.shape[1])), track.appearance.cumsum(0, dtype=float)])
    first = np.searchsorted(track.times, track.times - _WORN_S)
    last = np.searchsorted(track.times, track.times + _WORN_S, side="right")
    rows = np.arange(len(track))
    rows = rows[(rows - first >= _FEW) & (last - rows >= _FEW)]
    before = (worn[rows] - worn[first[rows]]) / (rows - first[rows])[:, None]
    after = (worn[last[rows]] - worn[rows]) / (last[rows] - rows)[:, None]
    off = np.linalg.norm(before - after, axis=1)
    cuts: set[int] = set()
    while len(off) and off.max() > CHANGED:
        row = int(rows[off.argmax()])
        cuts.add(row)
        off[np.abs(track.times[rows] - track.times[row]) < _WORN_S] = 0
    return cuts


def _mark_meetings(
    tracks: list[Track], mixed: dict[int, NDArray[np.bool_]], cuts: dict[int, set[int]]
) -> None:
    """Mark the rows in which two boxes lie over each other, and cut both tracks when they have parted."""
    for i, first in enumerate(tracks):
        for second in tracks[i + 1 :]:
            if first.frames[-1] < second.frames[0] or second.frames[-1] < first.frames[0]:
                continue
            _, a, b = np.intersect1d(first.frames, second.frames, assume_unique=True, return_indices=True)
            if not len(a):
                continue
            iou = _iou(first.boxes[a], second.boxes[b])
            together = False
            for index in range(len(a)):
                if iou[index] > OVERLAP:
                    together = True
                if together:
                    mixed[first.id][a[index]] = mixed[second.id][b[index]] = True
                    if iou[index] < _SETTLE:
                        together = False
                        cuts[first.id].add(int(a[index]))
                        cuts[second.id].add(int(b[index]))
            # One of them was lost while they were together: whoever goes on may be either.
            if together:
                for track, last in ((first, int(a[-1])), (second, int(b[-1]))):
                    if last + 1 < len(track):
                        cuts[track.id].add(last + 1)


def _iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of N pairs of boxes."""
    size = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.prod(size.clip(0), axis=1)
    areas = np.prod(a[:, 2:] - a[:, :2], axis=1) + np.prod(b[:, 2:] - b[:, :2], axis=1)
    return shared / np.maximum(areas - shared, 1e-6)


def _join(
    pieces: list[Piece],
    tracks: dict[int, Track],
    mixed: dict[int, NDArray[np.bool_]],
    frame_size: tuple[int, int],
) -> dict[int, int]:
    """Piece → the piece that goes on with the same person."""
    n = len(pieces)
    starts = [_end(piece, tracks[piece.tracklet], mixed[piece.tracklet], at_stop=False) for piece in pieces]
    stops = [_end(piece, tracks[piece.tracklet], mixed[piece.tracklet], at_stop=True) for piece in pieces]
    cost = np.full((n, n), np.inf)
    for i, piece in enumerate(pieces):
        for j, other in enumerate(pieces):
            gap = starts[j].time - stops[i].time
            if i == j or not 0 < gap <= MAX_GAP_S:
                continue
            cost[i, j] = _cost(stops[i], starts[j], starts[j].seen - stops[i].seen)
            if piece.tracklet == other.tracklet and piece.stop == other.start:
                cost[i, j] -= STAY
            elif _has_left(stops[i], gap, frame_size):
                cost[i, j] = np.inf
    return _settle(cost)


def _settle(cost: NDArray[np.float64]) -> dict[int, int]:
    """The cheapest joining, without the joins that another one comes within MARGIN of."""
    possible = cost <= LIMIT
    if not possible.any():
        return {}
    priced = np.where(possible, cost - LIMIT, 0.0)  # not joining costs as much as a join at the limit
    rows, columns = linear_sum_assignment(priced)
    chosen = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if possible[i, j]}
    taken = set(chosen.values())
    doubtful: set[int] = set()
    for i, j in chosen.items():
        for k in np.flatnonzero(possible[i]).tolist():
            if k not in taken and cost[i, k] < cost[i, j] + MARGIN:
                doubtful.add(i)
        for k in np.flatnonzero(possible[:, j]).tolist():
            if k not in chosen and cost[k, j] < cost[i, j] + MARGIN:
                doubtful.add(i)
        for k, other in chosen.items():
            if k > i and possible[i, other] and possible[k, j]:
                swapped = cost[i, other] + cost[k, j]
                if swapped < cost[i, j] + cost[k, other] + MARGIN:
                    doubtful |= {i, k}
    return {i: j for i, j in chosen.items() if i not in doubtful}


def _end(piece: Piece, track: Track, mixed: NDArray[np.bool_], at_stop: bool) -> _End:
    """Motion, clothes and size from the rows near the end that are clear of others: where two boxes lie over
    each other, the tracker may already have changed over."""
    whole = np.arange(piece.start, piece.stop)
    clear = whole[~mixed[whole]]
    if not len(clear):
        clear = whole
    edge = clear[-1] if at_stop else clear[0]
    rows = clear[np.abs(track.times[clear] - track.times[edge]) <= _EDGE_S]
    boxes = track.boxes[rows].astype(np.float64)
    times = track.times[rows] - track.times[edge]
    centres = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)  # where the feet stand
    velocity = np.zeros(2)
    if len(rows) >= 3 and np.ptp(times) > 0.1:
        velocity = np.polyfit(times, centres, 1)[0]
    order = np.argsort(np.abs(track.times[clear] - track.times[edge]), kind="stable")
    clear = clear[order[: max(5, len(rows))]]
    return _End(
        time=float(track.times[piece.stop - 1 if at_stop else piece.start]),
        seen=float(track.times[edge]),
        centre=centres[-1 if at_stop else 0],
        velocity=velocity,
        height=float(np.median(track.boxes[clear, 3] - track.boxes[clear, 1])),
        clothes=track.appearance[clear].astype(np.float64).mean(0),
    )


def _cost(stop: _End, start: _End, gap: float) -> float:
    """About 0 for one person seen before and after, about 1 where it is anybody's guess."""
    height = max(1.0, (stop.height + start.height) / 2)
    # Forwards from one end and backwards from the other: with their mean, a bounce would look like standing.
    # Boxes of half-hidden people are short at the feet: being off vertically says less than sideways.
    ahead = (stop.centre + stop.velocity * gap - start.centre) * [1.0, 0.5]
    back = (start.centre - start.velocity * gap - stop.centre) * [1.0, 0.5]
    off = (np.linalg.norm(ahead) + np.linalg.norm(back)) / 2
    motion = float(off) / (height * (0.35 + 0.6 * gap))
    turn = float(np.linalg.norm(stop.velocity - start.velocity)) / height / 2.0
    size = abs(float(np.log(stop.height / max(start.height, 1.0)))) / 0.35
    clothes = float(np.linalg.norm(stop.clothes - start.clothes))
    if clothes > CHANGED:
        return float("inf")
    return 0.35 * motion + 0.25 * min(turn, 2.0) + 0.2 * size + 0.75 * clothes


def _has_left(stop: _End, gap: float, frame_size: tuple[int, int]) -> bool:
    """Whether the person walked out of the picture, and so is not the next one to come in."""
    x = stop.centre[0] + stop.velocity[0] * min(gap, 0.5)
    margin = 0.15 * stop.height
    outwards = (stop.velocity[0] < 0 and x < margin) or (stop.velocity[0] > 0 and x > frame_size[0] - margin)
    return bool(outwards)
