"""At which size to look for people: small ones need a large picture, which costs four times as much."""

from __future__ import annotations

from collections.abc import Sequence

from ..records import Detection, Frame
from .detect import PersonDetector

__all__ = ["SIZES", "ZoomingDetector"]

SIZES = (640, 960, 1280)
PROBE_S = 1.0  # how often the largest size is tried: nobody small is overlooked for longer
ENOUGH_PX = 150.0  # height in the detector's picture from which nobody is missed
_SURE = 0.4


class ZoomingDetector:
    """A detector that looks closely once a second, and in between as closely as the smallest person needs.

    In a street scene of 110 px tall people, yolo11n-pose finds a tenth at 640 of what it finds at 1280.
    size: a fixed size instead. probe_s: seconds between two close looks.
    """

    def __init__(self, detector: PersonDetector, size: int | None = None, probe_s: float = PROBE_S) -> None:
        self._detector, self._fixed, self._probe_s = detector, size, probe_s
        self._size = size or SIZES[-1]
        self._next_probe = -1.0

    def detect(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """The people in each frame. Frames are consecutive over all calls."""
        out: list[list[Detection]] = []
        waiting: list[Frame] = []
        for frame in frames:
            if self._fixed is None and frame.time_s >= self._next_probe:
                out += self._look(waiting, self._size)
                waiting = []
                (found,) = self._look([frame], SIZES[-1])
                out.append(found)
                self._size = self._needed(found, frame)
                self._next_probe = frame.time_s + self._probe_s
            else:
                waiting.append(frame)
        return out + self._look(waiting, self._size)

    def _look(self, frames: list[Frame], size: int) -> list[list[Detection]]:
        return self._detector.detect([frame.image for frame in frames], size) if frames else []

    @staticmethod
    def _needed(found: list[Detection], frame: Frame) -> int:
        heights = [float(person.box[3] - person.box[1]) for person in found if person.score >= _SURE]
        if not heights:
            return SIZES[0]
        side = max(frame.image.shape[:2])
        return next((size for size in SIZES if min(heights) * size / side >= ENOUGH_PX), SIZES[-1])
