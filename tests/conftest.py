"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

Gate = Callable[[str, str], int | None]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SOFTWARE_GL = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of extra recordings that maintainers keep beside the repository; absent elsewhere."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("MESHGAIT_SHARED", default))
    if not folder.is_dir():
        pytest.skip("the maintainers' extra recordings are not on this machine")
    return folder


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """make_video(frames, name="clip.mp4", fps=25): frames is an iterable of H×W×3 uint8 RGB arrays."""
    import av

    def make(frames: Iterable[np.ndarray], name: str = "clip.mp4", fps: int = 25) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = None
            for image in frames:
                if stream is None:
                    stream = container.add_stream("libx264", rate=fps)
                    stream.height, stream.width = image.shape[:2]
                    stream.pix_fmt = "yuv420p"
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            if stream is not None:
                container.mux(stream.encode())
        return path

    return make


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one error line; fails the test when there are none or several, or a traceback."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err + self.out
        return lines[0]


@pytest.fixture
def meshgait(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command line in this process, as the console script does."""
    from meshgait_cli.__main__ import main

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        code: object = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        assert isinstance(code, int)
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """launch(*more): a headless Chromium that draws 3-D in software. Skips where it or Playwright (extra
    `browser`) is missing."""
    playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as running:
        started: list[Any] = []

        def start(*more: str) -> Any:
            started.append(running.chromium.launch(executable_path=path, args=[*_SOFTWARE_GL, *more]))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


class S3:
    """An S3 of this machine's, in memory. gate(method, path): called before each request; the status that it
    returns is the answer. bucket: of the test that is running."""

    def __init__(self) -> None:
        import logging

        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
        self.gate: Gate | None = None
        self.bucket = ""
        application = DomainDispatcherApplication(create_backend_app)

        def answer(environ: dict, start: Callable) -> object:
            status = self.gate and self.gate(environ["REQUEST_METHOD"], environ["PATH_INFO"])
            if status is None:
                return application(environ, start)
            start(f"{status} Said The Test", [("Content-Length", "0")])
            return []

        self.server = make_server("127.0.0.1", 0, answer, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make(self, bucket: str, versioned: bool = False) -> None:
        with suppress(urllib.error.HTTPError):  # there is one
            self.send("PUT", f"/{bucket}")
        if versioned:
            self.send("PUT", f"/{bucket}?versioning", b"<VersioningConfiguration><Status>Enabled</Status>"
                      b"</VersioningConfiguration>")  # fmt: skip

    def send(self, method: str, path: str, content: bytes = b"") -> None:
        request = urllib.request.Request(self.url + path, method=method, data=content)
        request.add_header("Content-Type", "application/xml")  # without it, it is a form to moto
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def objects(self) -> dict[str, bytes]:
        """Everything in the bucket."""
        import obstore
        from obstore.store import S3Store

        client = S3Store(self.bucket, endpoint=self.url, client_options={"allow_http": True})
        names = [found["path"] for page in obstore.list(client) for found in page]
        return {name: bytes(obstore.get(client, name).bytes()) for name in names}

    def places(self, needle: bytes) -> list[str]:
        """Objects that hold these bytes, in their content or their name."""
        return [name for name, held in self.objects().items() if needle in held or needle in name.encode()]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto, an S3 for tests, is not installed", exc_type=ImportError)
    server = S3()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """With a new bucket, and the environment that leads to it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server.url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_server.bucket = f"test-{uuid4().hex[:12]}"
    s3_server.make(s3_server.bucket)
    yield s3_server
    s3_server.gate = None
