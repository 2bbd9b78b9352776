"""Frames to an H.264 .mp4 that plays everywhere, written whole or not at all."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ..errors import RenderError

__all__ = ["VideoWriter"]

_CODECS = ("libx264", "libopenh264", "mpeg4")


class VideoWriter:
    """A context manager: `write` RGB frames of one size; the file appears when the block ends well.

    fps: frames a second. width, height: pixels; an odd size loses its last row or column, which H.264's
    colour planes cannot hold. RenderError when the disk is full or the file cannot be written.
    """

    def __init__(self, path: Path, fps: float, width: int, height: int) -> None:
        self.path = path
        self._width, self._height = max(2, width - width % 2), max(2, height - height % 2)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
        rate = Fraction(fps if 0.1 <= fps <= 240 else 25.0).limit_denominator(1001)
        try:
            self._container: Any = av.open(
                str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"}
            )
        except (av.error.FFmpegError, OSError) as error:
            raise RenderError(f"cannot write {path}: {error.strerror or error}") from error
        codec = next(name for name in _CODECS if name in av.codecs_available)
        self._stream = self._container.add_stream(codec, rate=rate)
        self._stream.width, self._stream.height = self._width, self._height
        self._stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            self._stream.options = {"crf": "20", "preset": "veryfast"}

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append one H×W×3 uint8 RGB frame."""
        fitting = np.ascontiguousarray(image[: self._height, : self._width])
        frame = av.VideoFrame.from_ndarray(fitting, format="rgb24")
        self._mux(frame)

    def _mux(self, frame: Any) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            full = getattr(error, "errno", None) == errno.ENOSPC
            why = "the disk is full" if full else str(getattr(error, "strerror", error))
            raise RenderError(f"cannot write {self.path}: {why}") from error

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._mux(None)
            self._container.close()
            if kind is None:
                os.replace(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
