"""Videos through Ray: what comes out is what comes out without it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli import demo
from meshgait_cli.assets import fetch
from meshgait_cli.results.directory import Result
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter


def extract(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meshgait_cli", "extract", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of a walk at a quarter of the pixels, and a file that is no video."""
    folder = tmp_path_factory.mktemp("clips")
    with open_video(fetch(demo.CLIP)) as reader:
        frames = [frame.image[::2, ::2] for frame in reader if 90 <= frame.index < 135]
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    with VideoWriter(folder / "walk.mp4", 30, width, height) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[:height, :width]))
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.mark.slow
def test_the_results_are_those_without_ray(clips: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install '.[cluster]'")
    common = ["--device", "cpu", "--backend", "torch:f32", "--json", "--quiet"]
    videos = [str(clips / name) for name in ("broken.mp4", "walk.mp4")]
    here = extract(*videos, "--out", str(tmp_path / "here"), *common)
    spread = extract(*videos, "--out", str(tmp_path / "ray"), "--engine", "ray", *common)
    assert here.returncode == spread.returncode == 1, spread.stderr
    assert "Traceback" not in spread.stderr
    said = {Path(one["video"]).name: one for one in json.loads(spread.stdout)}
    assert "broken.mp4" in said["broken.mp4"]["error"]
    assert not said["walk.mp4"]["skipped"]
    one, other = Result(tmp_path / "here" / "walk"), Result(tmp_path / "ray" / "walk")
    assert one.manifest.fingerprint == other.manifest.fingerprint
    assert [track.id for track in one.tracks] == [track.id for track in other.tracks] != []
    for mine, its in zip(one.tracks, other.tracks, strict=True):
        a, b = one.silhouettes(mine), other.silhouettes(its)
        assert np.array_equal(a.frames, b.frames)
        # Sums over another number of threads round otherwise, and a mask's edge may move by a hair.
        assert ((a.silhouettes > 127) != (b.silhouettes > 127)).mean() < 0.002
    assert one.embeddings().keys() == other.embeddings().keys()
    again = extract(videos[1], "--out", str(tmp_path / "ray"), "--engine", "ray", *common)
    assert [each["skipped"] for each in json.loads(again.stdout)] == [True]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--engine", "slurm"], 2, "unknown --engine"),
        (["--address", "10.0.0.1:6379"], 2, "--engine ray"),
        (["--engine", "ray", "--address", "nowhere"], 2, "HOST:PORT"),
        (["--engine", "ray", "--address", "nowhere:99999"], 2, "HOST:PORT"),
    ],
)
def test_what_cannot_be_is_said(
    clips: Path, tmp_path: Path, arguments: list[str], code: int, line: str
) -> None:
    done = extract(str(clips / "walk.mp4"), "--out", str(tmp_path), *arguments)
    assert done.returncode == code
    assert line in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_that_does_not_answer(clips: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install '.[cluster]'")
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = extract(
            str(clips / "walk.mp4"), "--out", str(tmp_path), "--engine", "ray", "--address", address
        )
    assert done.returncode == 1
    assert f"no Ray cluster at {address}" in done.stderr
    assert "Traceback" not in done.stderr
