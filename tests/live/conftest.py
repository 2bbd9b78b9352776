"""Readers that end when told, cameras made of nothing, and a stream server that can be killed."""

from __future__ import annotations

import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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


@pytest.fixture(scope="session")
def long_video() -> Callable[[Path, Path, int], Path]:
    """long_video(video, to, times): the same, so many times in one file."""

    def write(video: Path, to: Path, times: int) -> Path:
        import av

        with av.open(str(to), "w") as out:
            stream = None
            for packet, source in over_and_over(video, range(times)):
                stream = out.add_stream_from_template(source) if stream is None else stream
                packet.stream = stream
                out.mux(packet)
        return to

    return write


@pytest.fixture
def stream() -> VideoSource:
    return VideoSource("http://127.0.0.1/x", "stream", None, "x")


@pytest.fixture
def fake_reader() -> type[FakeReader]:
    return FakeReader


_CAMERA = Path(__file__).with_name("rtsp_camera.py")
_SDP = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "t=0 0", "m=video 0 RTP/AVP 33", "a=control:0")


class StreamServer:
    """A camera: a video over and over as MPEG-TS, to whoever asks, at `speed` times its pace.

    scheme: http, or rtsp (RTP in the same TCP connection, as RFC 2326 has it in section 10.12).
    """

    def __init__(self, video: Path, speed: float = 1.0, scheme: str = "http") -> None:
        self._video, self._speed, self._scheme = video, speed, scheme
        self._server: socketserver.ThreadingTCPServer | None = None
        self._clients: set[socket.socket] = set()
        self.port = 0
        self.served = 0

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/camera"

    def start(self) -> None:
        """Listen; at the port it had before, if it had one."""
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                camera._clients.add(self.request)
                with suppress(OSError):
                    camera._answer(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Handler)
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

    def _answer(self, asked: Any, reply: Any) -> None:
        while (request := asked.readline().decode()) not in ("", "\r\n"):
            headers = {}
            while (line := asked.readline().decode().strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if self._scheme == "http":
                reply.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/MP2T\r\n\r\n")
                self._send(reply.write)
                return
            method, body, more = request.split()[0], "", ""
            if method == "DESCRIBE":
                body = "\r\n".join((*_SDP, ""))
                more = "Content-Type: application/sdp\r\n"
            elif method == "SETUP":
                more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            elif method == "OPTIONS":
                more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            head = f"RTSP/1.0 200 OK\r\nCSeq: {headers['cseq']}\r\nSession: 1\r\n{more}"
            reply.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if method == "PLAY":
                self._send(_rtp(reply.write))
                return

    def _send(self, write: Callable[[bytes], Any]) -> None:
        import av

        self.served += 1
        began = monotonic()
        with (
            suppress(OSError, av.error.FFmpegError),
            av.open(
                SimpleNamespace(write=write), "w", format="mpegts", options={"flush_packets": "1"}
            ) as out,
        ):
            stream = None
            for packet, source in over_and_over(self._video, count()):
                if stream is None:
                    stream = out.add_stream_from_template(source)
                due = packet.dts * float(source.time_base) / self._speed
                sleep(max(0.0, began + due - monotonic()))
                packet.stream = stream
                out.mux(packet)


def over_and_over(video: Path, times: Iterable[object]) -> Iterator[tuple[Any, Any]]:
    """Its packets, each with its stream, as often as `times` has items; their times run on."""
    import av

    offset = 0
    for _ in times:
        with av.open(str(video)) as clip:
            source = clip.streams.video[0]
            first: int | None = None  # below zero where frames are stored out of order
            last = 0
            for packet in clip.demux(source):
                if packet.dts is None:
                    continue
                first = packet.dts if first is None else first
                last = max(last, packet.dts + packet.duration)
                packet.pts += offset
                packet.dts += offset
                yield packet, source
            offset += last - (first or 0)


def _rtp(write: Callable[[bytes], Any]) -> Callable[[bytes], int]:
    """Wraps MPEG-TS into RTP (payload type 33), seven packets each, and that into RTSP's channel 0."""
    numbers = count()

    def send(data: bytes) -> int:
        for start in range(0, len(data), 7 * 188):
            part = bytes(data[start : start + 7 * 188])
            header = struct.pack(
                ">BBHII", 0x80, 33, next(numbers) & 0xFFFF, int(monotonic() * 90_000) & 0xFFFFFFFF, 1
            )
            write(b"$\0" + struct.pack(">H", len(header) + len(part)) + header + part)
        return len(data)

    return send


class RtspCamera:
    """GStreamer's RTSP server, a process of its own. python: one that has it. name, password: of a viewer."""

    def __init__(self, python: str, video: Path, name: str = "", password: str = "") -> None:
        self._command = [python, str(_CAMERA), str(video)]
        self._viewer = [name, password] if name else []
        self._process: subprocess.Popen[str] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}/camera"

    @property
    def address(self) -> str:
        return f"rtsp://{':'.join(self._viewer)}{'@' * bool(self._viewer)}{self.place}"

    def start(self) -> None:
        """Listen; at the port it had before."""
        command = [*self._command, str(self.port), *self._viewer]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="session")
def _gstreamer() -> str:
    """A python that can run GStreamer's RTSP server."""
    for python in dict.fromkeys((sys.executable, "/usr/bin/python3", shutil.which("python3") or "python3")):
        with suppress(OSError):
            command = [python, str(_CAMERA), "none.mp4", "0"]
            if subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0:
                return python
    pytest.skip(
        "GStreamer's RTSP server is not here: "
        "apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good"
    )


@pytest.fixture
def rtsp_camera(_gstreamer: str) -> Iterator[Callable[..., RtspCamera]]:
    """rtsp_camera(video, name, password): started. Skips where GStreamer's server is missing."""
    made: list[RtspCamera] = []

    def make(video: Path, name: str = "", password: str = "") -> RtspCamera:
        made.append(RtspCamera(_gstreamer, video, name, password))
        made[-1].start()
        return made[-1]

    yield make
    for camera in made:
        camera.kill()


@pytest.fixture
def stream_server() -> Iterator[Callable[..., StreamServer]]:
    made: list[StreamServer] = []

    def make(video: Path, speed: float = 1.0, scheme: str = "http") -> StreamServer:
        made.append(StreamServer(video, speed, scheme))
        made[-1].start()
        return made[-1]

    yield make
    for server in made:
        server.kill()
