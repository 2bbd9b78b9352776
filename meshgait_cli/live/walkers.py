"""The last seconds of everybody in view, and who of before is who of now.

Every tracklet keeps a rolling window of rows. Each time somebody asks, the pieces that are in memory are
linked anew as `people.link` does it for a whole video, so gaps are bridged and people who cross are kept
apart with what is known by then; numbers stay with the people who had them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..people.assemble import MIN_FRAMES
from ..people.link import MAX_GAP_S, Piece, link
from ..people.observe import Observation
from ..records import Track
from ..results.spool import ROW

__all__ = ["GONE_S", "LiveWalker", "Walkers"]

GONE_S = MAX_GAP_S + 0.5  # after which somebody who is not seen has left: no piece can be joined any more
_MIN_S = 1.0  # people seen more briefly have no number yet
_BRIEF = 128  # numbers of the clothing descriptor, as the spool has it


@dataclass(frozen=True, slots=True, eq=False)
class LiveWalker:
    """number: from 1, in order of appearance. rows: T rows of `results.spool.ROW`, of the last seconds.
    joined: numbers that turned out to be this walker."""

    number: int
    rows: NDArray
    joined: tuple[int, ...] = ()

    @property
    def last_s(self) -> float:
        return float(self.rows["time"][-1])


@dataclass(slots=True)
class _Tracklet:
    """rows: of ROW; numbers: of the walker that each row belongs to, 0 for nobody yet."""

    rows: deque[NDArray] = field(default_factory=deque)
    numbers: deque[int] = field(default_factory=deque)


class Walkers:
    """keep_s: seconds that are kept of everybody: what bounds the memory."""

    def __init__(
        self,
        keep_s: float = 20.0,
        linker: Callable[[list[Track], tuple[int, int]], list[list[Piece]]] = link,
    ) -> None:
        self._keep_s, self._link = keep_s, linker
        self._tracklets: dict[int, _Tracklet] = {}
        self._clothes = 0  # numbers of the descriptor
        self._last_number = 0
        self._numbered: dict[int, int] = {}  # tracklet: of its newest rows

    def add(self, seen: Observation, tracklet: int) -> None:
        """Append one observation. tracklet: its number, unique over restarts of the tracker."""
        row = seen.row
        self._clothes = min(len(seen.appearance), _BRIEF)
        row["appearance"][: self._clothes] = seen.appearance[: self._clothes]
        track = self._tracklets.setdefault(tracklet, _Tracklet())
        if track.rows and track.rows[-1]["frame"] >= row["frame"]:
            return
        track.rows.append(row)
        track.numbers.append(0)

    def number_of(self, tracklet: int) -> int:
        """Whose the newest rows of a tracklet were when everybody was linked last; 0 for nobody's yet."""
        return self._numbered.get(tracklet, 0)

    def forget(self, now_s: float) -> None:
        """Drop what is older than the window.

        People who have left are kept as long: with them, those whom they crossed would lose the mark that
        somebody else may have come out of the crossing.
        """
        for tracklet, track in list(self._tracklets.items()):
            while track.rows and float(track.rows[0]["time"]) < now_s - self._keep_s:
                track.rows.popleft()
                track.numbers.popleft()
            if not track.rows:
                del self._tracklets[tracklet]
                self._numbered.pop(tracklet, None)

    def linked(self, frame_size: tuple[int, int]) -> list[LiveWalker]:
        """Everybody in memory who was seen for a second or more. frame_size: (width, height) in pixels."""
        rows = {tracklet: np.stack(track.rows).view(ROW) for tracklet, track in self._tracklets.items()}
        tracks = [self._track(tracklet, part) for tracklet, part in rows.items()]
        chains = self._link(tracks, frame_size)

        def began(chain: list[Piece]) -> tuple[float, int]:
            return float(rows[chain[0].tracklet]["time"][chain[0].start]), chain[0].tracklet

        chains.sort(key=began)
        taken: set[int] = set()
        found = []
        for chain in chains:
            whole = np.concatenate([rows[piece.tracklet][piece.start : piece.stop] for piece in chain])
            free = sorted(self._numbers(chain) - taken)
            brief = float(whole["time"][-1] - whole["time"][0]) < _MIN_S or len(whole) < MIN_FRAMES
            if not free and brief:
                self._write(chain, 0)
                continue
            if not free:
                self._last_number += 1
            number = free[0] if free else self._last_number
            self._write(chain, number)
            taken |= {number, *free}
            found.append(LiveWalker(number, whole, tuple(free[1:])))
        return found

    def _track(self, tracklet: int, rows: NDArray) -> Track:
        return Track(
            id=tracklet,
            frames=rows["frame"],
            times=rows["time"],
            boxes=rows["box"],
            scores=rows["score"],
            keypoints=rows["keypoints"],
            appearance=rows["appearance"][:, : self._clothes],
        )

    def _numbers(self, chain: list[Piece]) -> set[int]:
        """The walkers' numbers that the rows of this chain have had."""
        had: set[int] = set()
        for piece in chain:
            had.update(list(self._tracklets[piece.tracklet].numbers)[piece.start : piece.stop])
        return had - {0}

    def _write(self, chain: list[Piece], number: int) -> None:
        for piece in chain:
            numbers = self._tracklets[piece.tracklet].numbers
            for at in range(piece.start, piece.stop):
                numbers[at] = number
            if piece.stop == len(numbers):
                self._numbered[piece.tracklet] = number
