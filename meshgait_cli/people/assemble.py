"""Tracklets into people: link the pieces, drop the scraps, judge what is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..results.manifest import DroppedTrack
from ..results.spool import Spool
from .link import link
from .quality import TrackAssessment, track_quality

__all__ = ["MIN_FRAMES", "Person", "assemble"]

MIN_FRAMES = 5  # a track of fewer frames is a flicker of the detector, whatever its length in seconds


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person of the video. rows: T rows of `spool.ROW`, mapped from disk."""

    id: int
    rows: NDArray
    assessment: TrackAssessment
    thumbnails: list[NDArray[np.uint8]]


def assemble(
    spool: Spool, frame_size: tuple[int, int], min_track_s: float
) -> tuple[list[Person], list[DroppedTrack]]:
    """People numbered from 1 in the order in which they appear, and the tracks that were too short.

    frame_size: (width, height) in pixels. min_track_s: seconds from a track's first to last frame.
    """
    tracks = [spool.track(tracklet) for tracklet in spool.tracklets]
    chains = [[(p.tracklet, p.start, p.stop) for p in chain] for chain in link(tracks, frame_size)]
    by_id = {track.id: track for track in tracks}
    chains.sort(key=lambda chain: (int(by_id[chain[0][0]].frames[chain[0][1]]), chain[0]))
    people: list[Person] = []
    dropped: list[DroppedTrack] = []
    for pieces in chains:
        rows = spool.join(f"person-{len(people) + 1}", pieces)
        seconds = float(rows["time"][-1] - rows["time"][0])
        if seconds < min_track_s or len(rows) < MIN_FRAMES:
            dropped.append(_dropped(rows, seconds, min_track_s))
            continue
        assessment = track_quality(
            frames=np.asarray(rows["frame"]),
            times=np.asarray(rows["time"]),
            boxes=np.asarray(rows["box"]),
            keypoints=np.asarray(rows["keypoints"]),
            silhouettes=rows["silhouette"],
            valid=np.asarray(rows["valid"]),
            cut=np.asarray(rows["cut"]),
            complete=np.asarray(rows["complete"]),
            overlap=np.asarray(rows["overlap"]),
        )
        people.append(Person(len(people) + 1, rows, assessment, spool.thumbnails(pieces)))
    return people, dropped


def _dropped(rows: NDArray, seconds: float, min_track_s: float) -> DroppedTrack:
    if len(rows) < MIN_FRAMES:
        reason = f"seen in {len(rows)} frames only, {MIN_FRAMES} are needed"
    else:
        reason = f"seen for {seconds:.2f} s only, {min_track_s:g} s are needed"
    return DroppedTrack(
        frames=len(rows),
        first_frame=int(rows["frame"][0]),
        last_frame=int(rows["frame"][-1]),
        start_s=round(float(rows["time"][0]), 3),
        end_s=round(float(rows["time"][-1]), 3),
        reason=reason,
    )
