"""Readers that end when told, cameras made of nothing, and a stream server that can be killed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meshgait_cli.records import Frame
from meshgait_cli.video.sources import VideoSource


@dataclass
class FakeReader:
    """What `VideoReader` is to the capture. times: of its frames; step_s: real seconds between them."""

    times: Sequence[float]
    step_s: float = 0.0
    recorded_s: float | None = None
    timed: bool = True
    fps: float = 25.0
    message: str = ""
    info: Any = field(init=False)
    damage: Any = field(init=False)
    every: int = 1

    def __post_init__(self) -> None:
        self.info = SimpleNamespace(width=8, height=6, fps=self.fps, codec="none")
        self.damage = SimpleNamespace(message=self.message)

    def __enter__(self) -> FakeReader:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for index, time in enumerate(self.times):
            sleep(self.step_s)
            yield Frame(np.zeros((6, 8, 3), np.uint8), index, time)


@pytest.fixture
def stream() -> VideoSource:
    return VideoSource("http://127.0.0.1/x", "stream", None, "x")


@pytest.fixture
def fake_reader() -> type[FakeReader]:
    return FakeReader


class StreamServer:
    """A camera: MPEG-TS over HTTP, a video over and over, to whoever asks, at `speed` times its pace."""

    def __init__(self, video: Path, speed: float = 1.0) -> None:
        self._video, self._speed = video, speed
        self._server: ThreadingHTTPServer | None = None
        self._clients: set[socket.socket] = set()
        self.port = 0
        self.served = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/camera.ts"

    def start(self) -> None:
        """Listen; at the port it had before, if it had one."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.served += 1
                camera._clients.add(self.connection)
                self.send_response(200)
                self.send_header("Content-Type", "video/MP2T")
                self.end_headers()
                with suppress(OSError):
                    camera._send(self.wfile)

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def kill(self) -> None:
        """As when somebody pulls the plug: nobody listens, and every connection breaks."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._clients.clear()

    def _send(self, target: Any) -> None:
        import av

        sink = SimpleNamespace(write=lambda data: (target.write(data) and len(data)) or len(data))
        began, offset = monotonic(), 0
        with (
            suppress(OSError, av.error.FFmpegError),
            av.open(sink, "w", format="mpegts", options={"flush_packets": "1"}) as out,
        ):
            stream = None
            for _ in count():
                with av.open(str(self._video)) as clip:
                    source = clip.streams.video[0]
                    if stream is None:
                        stream = out.add_stream_from_template(source)
                    first: int | None = None  # below zero where frames are stored out of order
                    last = 0
                    for packet in clip.demux(source):
                        if packet.dts is None:
                            continue
                        first = packet.dts if first is None else first
                        last = max(last, packet.dts + packet.duration)
                        due = (packet.dts + offset) * float(source.time_base) / self._speed
                        sleep(max(0.0, began + due - monotonic()))
                        packet.pts += offset
                        packet.dts += offset
                        packet.stream = stream
                        out.mux(packet)
                    offset += last - (first or 0)


@pytest.fixture
def stream_server() -> Iterator[Callable[..., StreamServer]]:
    made: list[StreamServer] = []

    def make(video: Path, speed: float = 1.0) -> StreamServer:
        made.append(StreamServer(video, speed))
        made[-1].start()
        return made[-1]

    yield make
    for server in made:
        server.kill()
