"""A video writer with a say in how hard the picture is compressed, and the same bytes for the same pictures."""

from __future__ import annotations

from pathlib import Path

from ..video.encode import VideoWriter

__all__ = ["Reel"]


class Reel(VideoWriter):
    """As `VideoWriter`. crf: H.264's quality, 0 (none is lost) to 51; about 20 is good, 30 a cheap camera's."""

    def __init__(self, path: Path, fps: float, width: int, height: int, crf: int) -> None:
        super().__init__(path, fps, width, height)
        # One thread: x264 cuts its search at the borders of what each thread is given.
        self._stream.codec_context.thread_count = 1
        if self._stream.codec_context.codec.name == "libx264":
            self._stream.options = {"crf": str(crf), "preset": "veryfast"}
