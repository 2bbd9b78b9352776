"""Follow people from frame to frame: ByteTrack or BoT-SORT, and a note of what they wear."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..records import Detection, Frame
from ..thirdparty import quiet_ultralytics

__all__ = ["PersonTracker", "appearance"]

_HUES, _GREYS = 8, 6
_SHOULDERS, _HIPS, _KNEES = (5, 6), (11, 12), (13, 14)  # COCO keypoints
_SURE = 0.5  # keypoint confidence
_SURE_BOX = 0.45  # a new person starts with a box at least so sure


class PersonTracker:
    """ultralytics' trackers, without their detector.

    method: bytetrack, or botsort, which also follows a moving camera. fps: the video's, so that a lost
    person is waited for in seconds, not in frames.
    """

    def __init__(self, method: str = "bytetrack", fps: float = 25.0) -> None:
        quiet_ultralytics()
        from ultralytics.trackers import BOTSORT, BYTETracker

        settings = SimpleNamespace(
            tracker_type=method,
            track_high_thresh=0.3,
            track_low_thresh=0.1,
            new_track_thresh=_SURE_BOX,
            track_buffer=_patience(fps),
            match_thresh=_match_threshold(fps),
            fuse_score=True,
            gmc_method="sparseOptFlow",
            proximity_thresh=0.5,
            appearance_thresh=0.8,
            with_reid=False,
            model="auto",
        )
        self._moving = method == "botsort"
        self._tracker: Any = (BOTSORT if self._moving else BYTETracker)(settings)

    def keep_pace(self, fps: float) -> None:
        """From now on frames come at another rate: a camera is watched as fast as the machine can."""
        self._tracker.max_frames_lost = _patience(fps)
        self._tracker.args.match_thresh = _match_threshold(fps)

    def update(self, frame: Frame, detections: Sequence[Detection]) -> list[tuple[int, Detection]]:
        """(tracklet number, detection) of all who are followed here. Call it for every frame."""
        from ultralytics.engine.results import Boxes

        rows = [[*detection.box, detection.score, 0.0] for detection in detections]
        boxes = Boxes(np.array(rows, dtype=np.float32).reshape(-1, 6), frame.image.shape[:2])
        picture = np.ascontiguousarray(frame.image[:, :, ::-1]) if self._moving else None
        tracks = self._tracker.update(boxes, picture)
        # The detector's box, not the filter's: the segmenter needs where the person is.
        return [(int(row[4]), detections[int(row[7])]) for row in tracks]


def _patience(fps: float) -> int:
    """Frames for which a lost person is waited for: a second."""
    return max(3, round(fps))


def _match_threshold(fps: float) -> float:
    """At few frames a second boxes overlap less."""
    return 0.8 if fps >= 12 else 0.9


def appearance(image: NDArray[np.uint8], person: Detection) -> NDArray[np.float32]:
    """What colours torso and legs have: 2×(8 hues + 6 greys), each region summing to 1, square-rooted.

    The Euclidean distance of two is √2 times the Hellinger distance, 0 to 2. Used only to tell people
    apart within one video, never for identity.
    """
    torso, legs = _regions(person)
    return np.concatenate([_colours(image, torso), _colours(image, legs)])


def _regions(person: Detection) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Torso and thighs as x1, y1, x2, y2: by keypoints where they are sure, else by shares of the box."""
    x1, y1, x2, y2 = person.box.astype(float)
    w, h = x2 - x1, y2 - y1
    torso = np.array([x1 + 0.3 * w, y1 + 0.2 * h, x1 + 0.7 * w, y1 + 0.48 * h])
    legs = np.array([x1 + 0.3 * w, y1 + 0.52 * h, x1 + 0.7 * w, y1 + 0.78 * h])
    points = person.keypoints
    if points is not None and (points[[*_SHOULDERS, *_HIPS], 2] > _SURE).all():
        shoulder, hip = points[list(_SHOULDERS), :2].mean(0), points[list(_HIPS), :2].mean(0)
        half = max(0.09 * h, 0.4 * abs(points[5, 0] - points[6, 0]))
        left, right = min(shoulder[0], hip[0]) - half, max(shoulder[0], hip[0]) + half
        torso = np.array([left, shoulder[1], right, hip[1]])
        if (points[list(_KNEES), 2] > _SURE).all():
            knee = points[list(_KNEES), :2].mean(0)
            legs = np.array(
                [min(hip[0], knee[0]) - half, hip[1] + 0.02 * h, max(hip[0], knee[0]) + half, knee[1]]
            )
    return torso, legs


def _colours(image: NDArray[np.uint8], region: NDArray[np.float64]) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    x1, x2 = np.clip(region[[0, 2]], 0, width).astype(int)
    y1, y2 = np.clip(region[[1, 3]], 0, height).astype(int)
    patch = image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
    if patch.size == 0:
        return np.full(_HUES + _GREYS, (1 / (_HUES + _GREYS)) ** 0.5, dtype=np.float32)
    step = max(1, int((patch.shape[0] * patch.shape[1] / 2000) ** 0.5))
    hsv = cv2.cvtColor(np.ascontiguousarray(patch[::step, ::step]), cv2.COLOR_RGB2HSV).reshape(-1, 3)
    hue, saturation, value = hsv.astype(np.float32).T
    coloured = saturation / 255 * np.minimum(1.0, value / 64)  # dark pixels have no hue worth the name
    hues = np.bincount((hue * _HUES / 180).astype(int) % _HUES, coloured, _HUES)
    greys = np.bincount(np.minimum(value * _GREYS / 256, _GREYS - 1).astype(int), 1 - coloured, _GREYS)
    both = np.concatenate([hues, greys])
    return np.sqrt(both / max(both.sum(), 1e-6)).astype(np.float32)
