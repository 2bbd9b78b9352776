"""Whom to segment in a frame, where the machine is too slow for everybody.

A walk can only be read from steps that are seen frame after frame: half of the frames of four people are
worth less than all frames of two. So as many people as the time for a frame allows are segmented, each for a
few seconds on end, and then others have their turn. The rest is followed all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..people.quality import BORDER_PX, MIN_HEIGHT_PX
from ..records import Detection, Frame

__all__ = ["DONE", "IDLE", "OPEN", "Focus"]

OPEN, DONE, IDLE = 0, 1, 2  # who it is is open; it is settled; does not walk
TARGET_S = 0.1  # for a frame: ten a second tell steps well
TURN_S = 4.0  # about three strides
_FORGET_S = 10.0
_SMOOTH = 0.2  # weight of the newest cost


@dataclass(slots=True)
class _Turn:
    began: float
    seen: float
    ended: float = -1e9


class Focus:
    """rank: OPEN, DONE or IDLE, of a tracklet. target_s: seconds that a frame may take."""

    def __init__(self, rank: Callable[[int], int], target_s: float = TARGET_S) -> None:
        self._rank, self._target = rank, target_s
        self._turns: dict[int, _Turn] = {}
        self._fixed_s = self._each_s = 0.0

    def paid(self, fixed_s: float, segment_s: float, people: int) -> None:
        """What the last frame cost: finding and following, and segmenting so many people."""
        self._fixed_s += _SMOOTH * (fixed_s - self._fixed_s)
        if people:
            self._each_s += _SMOOTH * (segment_s / people - self._each_s)

    def room(self, people: int) -> int:
        """How many of so many there is time for; one always."""
        if self._each_s <= 0:
            return people
        return min(people, max(1, int((self._target - self._fixed_s) / self._each_s)))

    def choose(self, frame: Frame, people: Sequence[tuple[int, Detection]]) -> set[int]:
        """The tracklets to segment in this frame. Nobody whose silhouette could not be used anyway."""
        now = frame.time_s
        able = [tracklet for tracklet, person in people if _usable(person, frame)]
        room = self.room(len(able))
        chosen = set(able) if room == len(able) else set(sorted(able, key=self._place(now))[:room])
        for tracklet in chosen:
            turn = self._turns.setdefault(tracklet, _Turn(now, now))
            if turn.ended >= turn.began:
                turn.began = now  # a new one
            turn.seen = now
        for tracklet, turn in list(self._turns.items()):
            over = tracklet not in chosen or now - turn.began >= TURN_S
            if over and turn.ended < turn.began:
                turn.ended = now
            if now - turn.seen > _FORGET_S:
                del self._turns[tracklet]
        return chosen

    def _place(self, now: float) -> Callable[[int], tuple[int, bool, float, int]]:
        """First who is open; among them who has the turn, then who waited longest."""

        def key(tracklet: int) -> tuple[int, bool, float, int]:
            turn = self._turns.get(tracklet)
            running = turn is not None and turn.ended < turn.began and now - turn.began < TURN_S
            return self._rank(tracklet), not running, -1e9 if turn is None else turn.ended, tracklet

        return key


def _usable(person: Detection, frame: Frame) -> bool:
    height, width = frame.image.shape[:2]
    x1, y1, x2, y2 = person.box
    whole = x1 > BORDER_PX and y1 > BORDER_PX and x2 < width - BORDER_PX and y2 < height - BORDER_PX
    return bool(np.all(whole) and y2 - y1 >= MIN_HEIGHT_PX)
