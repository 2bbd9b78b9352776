"""A camera, stream or recording to the newest frame: one thread that only decodes.

It never waits for whoever looks at the frames. A recording is played at its own speed; a stream that is
lost is opened again, at growing intervals.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from ..errors import VideoError
from ..records import Frame
from .backoff import Backoff
from .latest import Latest

if TYPE_CHECKING:
    from ..video.decode import VideoReader
    from ..video.sources import VideoSource

__all__ = ["Capture", "Connected", "Lost", "Shot"]

_HEALTHY_S = 5.0  # a connection that gave pictures for so long counts as mended
_RATES = (1.0, 120.0)  # frames a second that are believed; RTSP cameras also claim 90,000
_STOP_S = 2.0  # waited for the thread, which may sit in a network read of ten seconds


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame and when it was decoded (`time.monotonic`). Its times run on over lost connections."""

    frame: Frame
    arrived: float


@dataclass(frozen=True, slots=True)
class Connected:
    """The source is open. away_s: how long there was no picture before, None the first time. fps: frames a
    second that will be offered."""

    width: int
    height: int
    fps: float
    codec: str
    away_s: float | None


@dataclass(frozen=True, slots=True)
class Lost:
    """No picture any more. retry_s: seconds to the next attempt; None: there will be none. attempt: how many
    failed since there was a picture."""

    reason: str
    retry_s: float | None
    attempt: int


class Capture(threading.Thread):
    """Decodes `source` into `latest` until it ends, is given up, or `stop` is called.

    rate: frames a second to offer, about. reconnect: open a lost stream again. patience: seconds without a
    picture after which it is given up, also at the start; None: the first connection has to succeed at once,
    and a stream that was there once is waited for for ever.

    After the end, `failure` holds why it was given up, None where the source simply ended.
    """

    def __init__(
        self,
        source: VideoSource,
        *,
        rate: float = float("inf"),
        reconnect: bool = True,
        patience: float | None = None,
        backoff: Backoff | None = None,
        opener: Callable[[VideoSource], VideoReader] | None = None,
    ) -> None:
        super().__init__(name="capture", daemon=True)
        self.source, self._rate = source, rate
        self._reconnect, self._patience = reconnect, patience
        self._backoff = backoff or Backoff()
        self._open = opener or _open
        self.latest: Latest[Shot] = Latest()
        self.news: queue.SimpleQueue[Connected | Lost] = queue.SimpleQueue()
        self.failure: BaseException | None = None
        self.behind_s = 0.0
        self._stopping, self._go = threading.Event(), threading.Event()
        self._began = self._seen = monotonic()
        self._connected_once = self._pictured = False
        self._index, self._time = -1, -1.0

    def begin(self) -> None:
        """From now on frames are wanted, and time is counted; a recording starts to play."""
        self._began = monotonic()
        self._go.set()

    def stop(self) -> None:
        """End it. A thread that hangs in the network is left to itself: it holds nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._go.set()
        self.join(_STOP_S)

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                reason = self._connection()
                if reason is None or self._stopping.is_set():
                    break
                wait = self._wait(reason)
                if wait is None or self._stopping.wait(wait):
                    break
        except BaseException as error:  # whoever takes the frames raises it
            self.failure = error
        finally:
            self.latest.close()

    def _connection(self) -> str | None:
        """One connection from opening to its end. Returns why it was lost; None when the source has ended."""
        try:
            reader = self._open(self.source)
        except VideoError as error:
            if not self._connected_once and self._patience is None:
                raise
            return str(error)
        with reader:
            length = reader.recorded_s
            recording = self.source.kind == "file" or length is not None
            fps = reader.info.fps if _RATES[0] <= reader.info.fps <= _RATES[1] else 25.0
            reader.every = max(1, round(fps / self._rate))
            self.news.put(
                Connected(
                    reader.info.width,
                    reader.info.height,
                    fps / reader.every,
                    reader.info.codec,
                    monotonic() - self._seen if self._connected_once else None,
                )
            )
            self._connected_once = True
            last = self._frames(reader, recording)
            if recording and (self.source.kind == "file" or last >= (length or 0.0) - 1.0):
                return None
            return reader.damage.message or "the stream ended"

    def _frames(self, reader: VideoReader, recording: bool) -> float:
        """Offer what can be read; returns the last frame's own time."""
        opened = monotonic()
        if recording:
            self._go.wait()
        base: float | None = None
        started, last, least = monotonic(), 0.0, float("inf")
        for frame in reader:
            last = frame.time_s
            if recording:
                self._stopping.wait(max(0.0, started + frame.time_s - monotonic()))
            now = monotonic()
            if self._stopping.is_set():
                break
            self._seen, self._pictured = now, True
            if now - opened >= _HEALTHY_S:
                self._backoff.reset()
            if not self._go.is_set():
                continue
            if base is None:
                base = max(now - self._began, self._time + 1e-3) - frame.time_s
            own = base + frame.time_s if reader.timed or recording else now - self._began
            lag = (now - self._began) - own
            least = min(least, lag)
            self.behind_s = lag - least
            self._index += 1
            self._time = max(own, self._time + 1e-3)
            self.latest.put(Shot(replace(frame, index=self._index, time_s=self._time), now))
        return last

    def _wait(self, reason: str) -> float | None:
        """Seconds to the next attempt; None: it is given up."""
        wait: float | None = self._backoff.fail()
        if self._connected_once and not self._reconnect:
            wait = None
            if not self._pictured:
                self.failure = VideoError(f"no picture came from {_shown(self.source)} ({reason})")
        elif self._patience is not None:
            left = self._patience - (monotonic() - self._seen)
            if left <= 0:
                self.failure = VideoError(
                    f"no picture from {_shown(self.source)} for {self._patience:g} s ({reason}): gave up"
                )
                wait = None
            else:
                assert wait is not None
                wait = min(wait, left)
        self.news.put(Lost(reason, wait, self._backoff.failures))
        return wait


def _open(source: VideoSource) -> VideoReader:
    from ..video.decode import open_video

    return open_video(source)


def _shown(source: VideoSource) -> str:
    return source.name
