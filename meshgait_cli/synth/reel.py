"""A video writer with a say in how hard the picture is compressed; the same pictures give the same bytes."""

from __future__ import annotations

from pathlib import Path

from ..video.encode import VideoWriter

__all__ = ["Reel"]


class Reel(VideoWriter):
    """As `VideoWriter`. crf: H.264's loss, 0 (none) to 51; about 20 is good, 30 a cheap camera."""

    def __init__(self, path: Path, fps: float, width: int, height: int, crf: int) -> None:
        super().__init__(path, fps, width, height)
        # One thread: x264 cuts its search at the borders of what each thread is given.
        self._stream.codec_context.thread_count = 1
        if self._stream.codec_context.codec.name == "libx264":
            # Its macroblock tree gives other bytes now and then, for the same pictures.
            self._stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
