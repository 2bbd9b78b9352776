"""Frames in, observations out: detect, follow and segment every person in a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from ..records import KEYPOINTS, Detection, Frame
from ..results.spool import ROW
from .quality import frame_quality
from .segment import PersonMask, PersonSegmenter, SegmentRequest
from .silhouette import normalise
from .track import PersonTracker, appearance
from .zoom import ZoomingDetector

__all__ = ["Observation", "Observer"]

_THUMBNAIL_PX = 160
_UNSEEN = PersonMask(np.zeros((1, 1), dtype=np.bool_), 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One person in one frame: the tracker's number, a spool row, clothing colours, the frame itself."""

    tracklet: int
    row: NDArray
    appearance: NDArray[np.float32]
    frame: Frame

    def thumbnail(self) -> NDArray[np.uint8]:
        """An RGB crop of the person, at most 160 px tall."""
        import cv2

        height, width = self.frame.image.shape[:2]
        x1, y1, x2, y2 = self.row["box"]
        margin = 0.06 * (y2 - y1)
        left, top = int(max(0, x1 - margin)), int(max(0, y1 - margin))
        right, bottom = int(min(width, x2 + margin) + 1), int(min(height, y2 + margin) + 1)
        crop = self.frame.image[top:bottom, left:right]
        scale = min(1.0, _THUMBNAIL_PX / crop.shape[0])
        size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
        return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


@dataclass(slots=True)
class Observer:
    """The three models at work on one video. `seconds` adds up what each stage took.

    choose: the tracklets to segment among those in a frame, where there is no time for all; the others are
    observed without a silhouette.
    """

    detector: ZoomingDetector
    tracker: PersonTracker
    segmenter: PersonSegmenter
    choose: Callable[[Frame, Sequence[tuple[int, Detection]]], Collection[int]] | None = None
    seconds: dict[str, float] = field(default_factory=lambda: {"detect": 0.0, "track": 0.0, "segment": 0.0})

    def observe(self, frames: Sequence[Frame]) -> Iterator[Observation]:
        """Observations of all followed people, frame after frame."""
        started = perf_counter()
        detections = self.detector.detect(frames)
        started = self._clock("detect", started)
        seen: list[tuple[Frame, int, Detection]] = []
        requests: list[SegmentRequest] = []
        wanted: list[int] = []
        for frame, found in zip(frames, detections, strict=True):
            people = self.tracker.update(frame, found)
            boxes = np.array([person.box for _, person in people], dtype=np.float32).reshape(-1, 4)
            chosen = None if self.choose is None else self.choose(frame, people)
            for index, (tracklet, person) in enumerate(people):
                if chosen is None or tracklet in chosen:
                    wanted.append(len(requests))
                seen.append((frame, tracklet, person))
                requests.append(
                    SegmentRequest(
                        image=frame.image,
                        box=person.box,
                        keypoints=person.keypoints,
                        others=np.delete(boxes, index, axis=0),
                    )
                )
        started = self._clock("track", started)
        masks = [_UNSEEN] * len(requests)
        found_masks = self.segmenter.segment([requests[index] for index in wanted])
        for index, mask in zip(wanted, found_masks, strict=True):
            masks[index] = mask
        for (frame, tracklet, person), request, mask in zip(seen, requests, masks, strict=True):
            yield Observation(
                tracklet=tracklet,
                row=_row(frame, person, request.others, mask),
                appearance=appearance(frame.image, person),
                frame=frame,
            )
        self._clock("segment", started)

    def _clock(self, stage: str, started: float) -> float:
        now = perf_counter()
        self.seconds[stage] += now - started
        return now


def _row(frame: Frame, person: Detection, others: NDArray[np.float32], mask: PersonMask) -> NDArray:
    row = np.zeros((), dtype=ROW)
    row["frame"], row["time"] = frame.index, frame.time_s
    row["box"], row["score"] = person.box, person.score
    row["keypoints"] = np.full((KEYPOINTS, 3), np.nan) if person.keypoints is None else person.keypoints
    height, width = frame.image.shape[:2]
    quality = frame_quality(person.box, (width, height), mask, others)
    row["cut"], row["complete"], row["overlap"] = quality.cut, quality.complete, quality.overlap
    row["predicted_iou"] = mask.predicted_iou
    row["transform"] = np.nan
    silhouette = normalise(mask.mask)
    if silhouette is not None:
        row["valid"] = True
        row["silhouette"] = silhouette.silhouette
        row["transform"] = silhouette.in_picture(mask.left, mask.top, mask.pixel)
    return row
