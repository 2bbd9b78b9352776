"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
