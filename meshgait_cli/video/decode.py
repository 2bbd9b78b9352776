"""Videos to upright RGB frames with true timestamps, one at a time.

PyAV leaves three things to its user: it does not rotate, a damaged packet ends the loop, and variable frame
rates are in the timestamps alone. Here the rotation is applied, a packet that cannot be decoded is
counted and passed over, and every frame carries the time that the file gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ..errors import VideoError
from ..records import Frame
from .sources import VideoSource, expand

__all__ = ["DecodeDamage", "VideoInfo", "VideoReader", "open_video"]

_STREAM_TIMEOUT_S = (10.0, 10.0)  # to connect, to the next packet
_UNTIMED = ("mpjpeg", "mjpeg", "jpeg_pipe", "h264", "hevc")
_GIVE_UP = 500  # packets in a row that cannot be decoded: the rest is no video


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """width, height: upright pixels. fps: average. duration_s, frame_count: as the file claims, or None.
    rotation: degrees clockwise that were applied."""

    width: int
    height: int
    fps: float
    duration_s: float | None
    frame_count: int | None
    rotation: int
    codec: str


@dataclass(frozen=True, slots=True)
class DecodeDamage:
    """What could not be decoded. frames_expected: as the file claims, or None."""

    packets_failed: int = 0
    frames_decoded: int = 0
    frames_expected: int | None = None
    message: str = ""

    @property
    def is_damaged(self) -> bool:
        lost = 0 if self.frames_expected is None else self.frames_expected - self.frames_decoded
        return self.packets_failed > 0 or bool(self.message) or lost > max(2, 0.02 * self.frames_decoded)

    def summary(self) -> str:
        """One sentence; empty when nothing is wrong."""
        if not self.is_damaged:
            return ""
        of = f" of {self.frames_expected}" if self.frames_expected else ""
        why = f" ({self.message})" if self.message else ""
        return f"the file is damaged: {self.frames_decoded}{of} frames could be decoded{why}"


def open_video(source: VideoSource | str | Path) -> VideoReader:
    """Open a video for reading. VideoError when it is none, or cannot be read."""
    if not isinstance(source, VideoSource):
        (source,) = expand([str(source)])
    return VideoReader(source)


class VideoReader:
    """A context manager and an iterable of `Frame`; `info` at once, `damage` after the last frame.

    every: 2 gives every other frame, and so on; the others are decoded, but not turned into pictures. May be
    set until the first frame is taken.
    """

    def __init__(self, source: VideoSource) -> None:
        self.source, self.every = source, 1
        self._name = source.path.name if source.path else source.shown
        self._container = self._open()
        try:
            self._stream = self._container.streams.video[0]
        except IndexError:
            self._container.close()
            raise VideoError(f"{self._name} has no picture in it, only {self._kinds()}") from None
        self._stream.thread_type = "AUTO"
        self._claimed = int(self._stream.frames) or None  # read now: closed, it is garbage
        self._failed = 0
        self._decoded = 0
        self._message = ""
        self._finished = False
        self._first = self._next_frame()
        if self._first is None:
            self.close()
            raise VideoError(f"{self._name}: no frame could be decoded{self._because()}")
        self._rotation = _rotation(self._first)
        self.info = self._describe(self._first)

    def _open(self) -> Any:
        path = self.source.path
        if path is not None:
            self._check(path)
        live = path is None
        options = {"rtsp_transport": "tcp"} if self.source.address.lower().startswith("rtsp") else {}
        try:
            return av.open(
                self.source.address,
                format="v4l2" if self.source.address.startswith("/dev/video") else None,
                options=options,
                timeout=_STREAM_TIMEOUT_S if live else None,
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            what = "cannot be reached" if live else "is not a video, or is damaged beyond reading"
            raise VideoError(f"{self._name} {what}: {_said(error)}") from error

    @staticmethod
    def _check(path: Path) -> None:
        if path.is_dir():
            raise VideoError(f"{path} is a folder, not a video")
        try:
            with path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            raise VideoError(f"cannot read {path}: {error.strerror or error}") from error
        if empty:
            raise VideoError(f"{path} is empty (0 bytes): copy or record it again")

    def _kinds(self) -> str:
        kinds = sorted({stream.type for stream in self._container.streams})
        return " and ".join(kinds) or "nothing"

    def _because(self) -> str:
        return f" ({self._message})" if self._message else ""

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def recorded_s(self) -> float | None:
        """How long it is, where it is a recording (a file, also one behind an address); None for what is
        live."""
        length = self._container.duration
        return self.info.duration_s or (length / 1_000_000 if length and length > 0 else None)

    @property
    def timed(self) -> bool:
        """Whether its frames carry times. JPEGs one after the other do not: FFmpeg calls them 25 a second."""
        return self._container.format.name not in _UNTIMED

    def close(self) -> None:
        self._container.close()

    def _describe(self, frame: Any) -> VideoInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate
        fps = float(rate) if rate else 25.0
        duration = None
        if stream.duration and stream.time_base:
            duration = float(stream.duration * stream.time_base)
        elif self._container.duration:
            duration = self._container.duration / 1_000_000
        live = self.source.kind == "stream"
        frames = stream.frames or (round(duration * fps) if duration else None)
        turned = self._rotation % 180 == 90
        return VideoInfo(
            width=frame.height if turned else frame.width,
            height=frame.width if turned else frame.height,
            fps=fps,
            duration_s=None if live else duration,
            frame_count=None if live else frames,
            rotation=self._rotation,
            codec=stream.codec_context.name,
        )

    def _frames(self) -> Iterator[Any]:
        """Decoded frames; a packet that fails is counted, not fatal."""
        bad_run = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                self._failed += 1
                self._message = self._message or _said(error)
                if self.source.kind == "stream":
                    return
                bad_run += 1
                if bad_run > _GIVE_UP or isinstance(error, av.error.EOFError):
                    return
                continue
            try:
                yield from packet.decode()
                bad_run = 0
            except (av.error.FFmpegError, ValueError) as error:
                if isinstance(error, av.error.EOFError):
                    return
                self._failed += 1
                self._message = self._message or _said(error)
                bad_run += 1
                if bad_run > _GIVE_UP:
                    return

    def _next_frame(self) -> Any:
        self._source_frames = self._frames()
        return next(self._source_frames, None)

    def __iter__(self) -> Iterator[Frame]:
        step = 1.0 / self.info.fps if self.info.fps > 0 else 0.04
        start: float | None = None
        last = -step
        frame = self._first
        self._first = None
        while frame is not None:
            wanted = self._decoded % self.every == 0
            image = self._upright(frame) if wanted else None
            if image is not None or not wanted:
                stamp = None if frame.pts is None else float(frame.pts * frame.time_base)
                if start is None and stamp is not None:
                    start = stamp - (last + step)
                time = last + step if stamp is None or start is None else stamp - start
                # Broken stamps that stand still or jump back would make speeds infinite.
                if time <= last:
                    time = last + step
                number, last = self._decoded, time
                self._decoded += 1
                if image is not None:
                    yield Frame(image, number, max(time, 0.0))
            frame = next(self._source_frames, None)
        self._finished = True

    def _upright(self, frame: Any) -> NDArray[np.uint8] | None:
        try:
            image = frame.to_ndarray(format="rgb24")
        except (av.error.FFmpegError, ValueError) as error:
            self._failed += 1
            self._message = self._message or _said(error)
            return None
        turns = (-self._rotation // 90) % 4  # np.rot90 turns counter-clockwise
        image = np.ascontiguousarray(np.rot90(image, turns)) if turns else image
        if image.shape[:2] != (self.info.height, self.info.width):
            import cv2  # a stream that changes its size half-way keeps the first

            image = cv2.resize(image, (self.info.width, self.info.height), interpolation=cv2.INTER_AREA)
        return np.asarray(image, dtype=np.uint8)

    @property
    def damage(self) -> DecodeDamage:
        """What could not be decoded so far; complete after the last frame."""
        expected = self._claimed if self._finished and self.source.kind == "file" else None
        return DecodeDamage(self._failed, self._decoded, expected, self._message)


def _rotation(frame: Any) -> int:
    """Degrees clockwise to turn the picture by, a multiple of 90.

    PyAV gives the display matrix's angle as FFmpeg does, counter-clockwise.
    """
    angle = getattr(frame, "rotation", 0) or 0
    return round(-angle / 90) * 90 % 360


def _said(error: BaseException) -> str:
    if isinstance(error, av.error.ExitError):  # what PyAV's own timeout looks like
        return f"no answer for {max(_STREAM_TIMEOUT_S):g} s"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].strip().rstrip(".")[:120]
