"""The video again, with what was seen drawn over it: boxes, track numbers, silhouettes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import RenderError
from ..records import HEIGHT
from ..results.directory import TRACKS, Result
from ..video.decode import open_video
from ..video.encode import VideoWriter
from .palette import track_colour

__all__ = ["write_preview"]

_REFUSED = (150, 150, 150)  # people who are not usable as gait samples are drawn in grey


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    label: str
    colour: tuple[int, int, int]
    box: NDArray[np.float32]
    silhouette: NDArray[np.uint8] | None
    transform: NDArray[np.float32]


def write_preview(result: Result, path: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw every track of `result` over the frames that were looked at, into the .mp4 at `path`.

    Raises RenderError when the video is no longer where it was, VideoError when it cannot be decoded.
    """
    video = result.manifest.video
    source = Path(video.address)
    if not source.is_file():
        raise RenderError(f"the video {source} is gone: put it back, then extract again with --preview")
    people = _by_frame(result)
    fps = video.fps / video.every
    with open_video(source) as reader, VideoWriter(path, fps, video.width, video.height) as writer:
        reader.every = video.every
        for frame in reader:
            if frame.index >= video.frames:
                break
            image = frame.image.copy()
            for person in people.get(frame.index, []):
                _draw(image, person)
            writer.write(image)
            if progress:
                progress(frame.index + 1, video.frames)


def _by_frame(result: Result) -> dict[int, list[_Seen]]:
    import pyarrow.parquet as pq

    table = pq.read_table(
        result.folder / TRACKS, columns=["track", "frame", "walking", "x1", "y1", "x2", "y2"]
    ).to_pydict()
    boxes = np.stack([table[name] for name in ("x1", "y1", "x2", "y2")], axis=1).astype(np.float32)
    seen: dict[int, list[_Seen]] = defaultdict(list)
    for track in result.tracks:
        sequence = result.silhouettes(track)
        row_of = {int(frame): row for row, frame in enumerate(sequence.frames)}
        colour = track_colour(track.id) if track.usable else _REFUSED
        for i in (i for i, owner in enumerate(table["track"]) if owner == track.id):
            frame = int(table["frame"][i])
            row = row_of.get(frame)
            state = "" if not track.usable else " walking" if table["walking"][i] else " standing"
            seen[frame].append(
                _Seen(
                    label=f"{track.id}{state}" if track.usable else f"{track.id} not a gait sample",
                    colour=colour,
                    box=boxes[i],
                    silhouette=None if row is None else sequence.silhouettes[row],
                    transform=np.full(3, np.nan, np.float32) if row is None else sequence.transform[row],
                )
            )
    return seen


def _draw(image: NDArray[np.uint8], person: _Seen) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in person.box)
    weight = max(1, round(image.shape[0] / 500))
    if person.silhouette is not None and np.isfinite(person.transform).all():
        _tint(image, person.silhouette, person.transform, person.colour)
    cv2.rectangle(image, (x1, y1), (x2, y2), person.colour, weight, cv2.LINE_AA)
    size = 0.5 * max(1.0, image.shape[0] / 900)
    (w, h), _ = cv2.getTextSize(person.label, cv2.FONT_HERSHEY_SIMPLEX, size, weight)
    top = y1 - h - 8 if y1 - h - 8 >= 0 else y1
    cv2.rectangle(image, (x1, top), (x1 + w + 8, top + h + 8), person.colour, -1)
    cv2.putText(
        image,
        person.label,
        (x1 + 4, top + h + 3),
        cv2.FONT_HERSHEY_SIMPLEX,
        size,
        (0, 0, 0),
        weight,
        cv2.LINE_AA,
    )


def _tint(
    image: NDArray[np.uint8],
    silhouette: NDArray[np.uint8],
    transform: NDArray[np.float32],
    colour: tuple[int, int, int],
) -> None:
    """Lay a 64×64 silhouette back over the picture it was cut from."""
    scale, left, top = (float(v) for v in transform)
    side = HEIGHT / scale
    height, width = image.shape[:2]
    x0, y0 = int(max(0, np.floor(left))), int(max(0, np.floor(top)))
    x1, y1 = int(min(width, np.ceil(left + side))), int(min(height, np.ceil(top + side)))
    if x1 <= x0 or y1 <= y0:
        return
    # Pixel centres lie at half-integers in the transform's coordinates.
    matrix = np.array(
        [
            [1 / scale, 0, left - x0 + 0.5 / scale - 0.5],
            [0, 1 / scale, top - y0 + 0.5 / scale - 0.5],
        ]
    )
    mask = cv2.warpAffine(silhouette, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    weight = (mask.astype(np.float32) * (0.45 / 255))[..., None]
    patch = image[y0:y1, x0:x1]
    patch[:] = (patch * (1 - weight) + np.array(colour, np.float32) * weight).astype(np.uint8)
