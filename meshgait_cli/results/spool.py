"""Observations on their way to disk, so that memory does not grow with the video.

While a video streams, each tracklet appends fixed-size rows to a file of its own; afterwards a file is
mapped, not read. An hour of one walker at 30 frames/s is about 0.5 GB of disk and no memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..records import HEIGHT, KEYPOINTS, Track

__all__ = ["APPEARANCE_LIMIT", "ROW", "Spool"]

APPEARANCE_LIMIT = 128  # numbers kept of the clothing-colour descriptor
_FLUSH_ROWS = 32
_THUMBNAILS = 8

ROW = np.dtype(
    [
        ("frame", "<i8"),
        ("time", "<f8"),
        ("box", "<f4", 4),
        ("score", "<f4"),
        ("keypoints", "<f4", (KEYPOINTS, 3)),
        ("appearance", "<f4", APPEARANCE_LIMIT),
        ("valid", "?"),
        ("cut", "?"),
        ("complete", "?"),
        ("overlap", "<f4"),
        ("predicted_iou", "<f4"),
        ("transform", "<f4", 3),
        ("silhouette", "u1", (HEIGHT, HEIGHT)),
    ]
)


class Spool:
    """Rows of `ROW`, a file a tracklet, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._waiting: dict[int, list[NDArray]] = {}
        self._rows: dict[int, int] = {}
        self._thumbnails: dict[int, dict[int, Path]] = {}
        self._appearance_size = 0

    @property
    def tracklets(self) -> list[int]:
        return sorted(self._rows)

    def append(self, tracklet: int, row: NDArray, appearance: NDArray[np.float32]) -> None:
        """Add one row (a 0-d array of dtype ROW). A second row for the same frame is ignored."""
        self._appearance_size = min(len(appearance), APPEARANCE_LIMIT)
        row["appearance"][: self._appearance_size] = appearance[: self._appearance_size]
        waiting = self._waiting.setdefault(tracklet, [])
        if waiting and waiting[-1]["frame"] >= row["frame"]:
            return
        waiting.append(row)
        self._rows[tracklet] = self._rows.get(tracklet, 0) + 1
        if len(waiting) > _FLUSH_ROWS:
            self._flush(tracklet, keep=1)

    def _flush(self, tracklet: int, keep: int = 0) -> None:
        waiting = self._waiting[tracklet]
        done, self._waiting[tracklet] = waiting[: len(waiting) - keep], waiting[len(waiting) - keep :]
        if done:
            with self._path(tracklet).open("ab") as file:
                np.stack(done).tofile(file)

    def _path(self, tracklet: int) -> Path:
        return self._folder / f"{tracklet}.rows"

    def rows(self, tracklet: int) -> NDArray:
        """All rows of a tracklet, mapped read-only."""
        self._flush(tracklet)
        return np.memmap(self._path(tracklet), dtype=ROW, mode="r")

    def track(self, tracklet: int) -> Track:
        rows = self.rows(tracklet)
        return Track(
            id=tracklet,
            frames=np.array(rows["frame"]),
            times=np.array(rows["time"]),
            boxes=np.array(rows["box"]),
            scores=np.array(rows["score"]),
            keypoints=np.array(rows["keypoints"]),
            appearance=np.array(rows["appearance"][:, : self._appearance_size]),
        )

    def join(self, name: str, pieces: Iterable[tuple[int, int, int]]) -> NDArray:
        """One person's rows from (tracklet, start, stop) pieces, in order, mapped read-only."""
        path = self._folder / f"{name}.joined"
        with path.open("wb") as file:
            for tracklet, start, stop in pieces:
                rows = self.rows(tracklet)
                for first in range(start, stop, 256):
                    np.asarray(rows[first : min(first + 256, stop)]).tofile(file)
        return np.memmap(path, dtype=ROW, mode="r")

    # Colour thumbnails: at most 8 a tracklet, evenly spread over a length that is not known beforehand.

    def wants_thumbnail(self, tracklet: int) -> bool:
        kept = self._thumbnails.get(tracklet, {})
        row = self._rows.get(tracklet, 0)
        return row % self._stride(kept) == 0

    @staticmethod
    def _stride(kept: dict[int, Path]) -> int:
        rows = sorted(kept)
        return max(rows[1] - rows[0], 4) if len(rows) > 1 else 4

    def add_thumbnail(self, tracklet: int, frame: int, image: NDArray[np.uint8]) -> None:
        """Keep an RGB crop for the row that is appended next."""
        import cv2

        kept = self._thumbnails.setdefault(tracklet, {})
        path = self._folder / f"{tracklet}-{frame}.jpg"
        cv2.imwrite(str(path), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        kept[self._rows.get(tracklet, 0)] = path
        if len(kept) > _THUMBNAILS:
            for row in sorted(kept)[1::2]:
                kept.pop(row).unlink()

    def thumbnails(self, pieces: Iterable[tuple[int, int, int]]) -> list[NDArray[np.uint8]]:
        """The RGB crops that were kept for these pieces, in order."""
        import cv2

        paths = [
            path
            for tracklet, start, stop in pieces
            for row, path in sorted(self._thumbnails.get(tracklet, {}).items())
            if start <= row < stop
        ]
        images = (cv2.imread(str(path)) for path in paths[:: max(1, len(paths) // _THUMBNAILS)])
        return [np.ascontiguousarray(image[:, :, ::-1]) for image in images if image is not None]
