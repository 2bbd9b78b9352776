"""A real stream, the real detector, SAM and network: is she named, and what if the plug is pulled?

The camera is the park clip over and over: a woman walks through, a man jumps on a wall. It sends at half its
pace or slower, by what this machine can watch, with true times, so that enough frames of each step are seen.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import cv2
import pytest

from meshgait_cli import demo
from meshgait_cli.assets import fetch
from meshgait_cli.shipped import folder
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
WALKER = "anna"
FRAMES = 90  # of the clip
ENOUGH = (
    16  # frames of it a second that `match` reads, for `watch` to see enough of each step at its own pace
)


class Watching:
    """`meshgait watch … --json` in a process of its own; its events as they come."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "meshgait_cli", "watch", *map(str, arguments), "--json", "--quiet"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        self.events: list[dict[str, Any]] = []
        self.said = ""
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._hear)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _hear(self) -> None:
        assert self.process.stderr is not None
        self.said = self.process.stderr.read()

    def wait_for(self, event: str, seconds: float, after: int = 0, **facts: object) -> int:
        """The place of the first such event from place `after` on."""
        until = monotonic() + seconds
        while monotonic() < until:
            for place, each in list(enumerate(self.events))[after:]:
                if each["event"] == event and all(each[name] == value for name, value in facts.items()):
                    return place
            assert self.process.poll() is None, (self.said, self.events)
            sleep(0.1)
        raise AssertionError(f"no {event} {facts} in {seconds} s: {self.said} {self.events}")

    def end(self, number: int) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        for thread in self._threads:
            thread.join(10)
        return code


@pytest.fixture
def watching() -> Iterator[Callable[..., Watching]]:
    made: list[Watching] = []

    def start(*arguments: object) -> Watching:
        made.append(Watching(*arguments))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        for stream in (each.process.stdout, each.process.stderr):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Her walk, at a quarter of the pixels and fifteen frames a second."""
    path = tmp_path_factory.mktemp("clips") / "park.mp4"
    with open_video(fetch(demo.CLIP)) as reader, VideoWriter(path, 15, 884, 496) as writer:
        for frame in reader:
            if 40 <= frame.index < 220 and frame.index % 2 == 0:
                writer.write(cv2.resize(frame.image, (884, 497), interpolation=cv2.INTER_AREA))
    return path


@pytest.fixture(scope="module")
def people(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery folder: her video, by name, and twenty synthetic people."""
    gallery = tmp_path_factory.mktemp("people")
    shutil.copy(clip, gallery / f"{WALKER}.mp4")
    for stranger in (folder("examples") / "walkers").glob("*.npz"):
        shutil.copy(stranger, gallery)
    return gallery


def _pace(meshgait: Callable[..., Any], clip: Path, people: Path) -> float:
    """At which share of its pace the clip is sent here."""
    assert meshgait("match", clip, "--gallery", people, "--json").code == 0  # loads, and indexes
    began = monotonic()
    answer = json.loads(
        meshgait("match", clip, "--gallery", people, "--out", clip.parent / "again", "--json").out
    )
    assert WALKER in [walker["identity"] for walker in answer["walkers"]]
    return min(0.5, FRAMES / (monotonic() - began) / ENOUGH)


def test_a_stream_that_is_killed_and_comes_back(
    watching: Callable[..., Watching],
    stream_server: Callable[..., Any],
    meshgait: Callable[..., Any],
    clip: Path,
    people: Path,
    tmp_path: Path,
) -> None:
    speed = _pace(meshgait, clip, people)
    camera = stream_server(clip, speed=speed, scheme="rtsp")
    log, kept = tmp_path / "events.jsonl", tmp_path / "kept"
    watch = watching(
        camera.address, "--gallery", people, "--log", log, "--save", kept, "--detector-px", 640
    )  # fmt: skip
    started = watch.wait_for("started", 300)
    assert watch.events[started]["identities"] == 21

    # She is found and named.
    found = watch.wait_for("answer", 120 / speed, decision="accepted", identity=WALKER)
    assert watch.events[found]["candidates"][0]["identity"] == WALKER
    assert watch.events[found]["probability"] > 0.9

    # The plug is pulled: it says so, and tries again, ever less often.
    camera.kill()
    lost = watch.wait_for("lost", 60, after=found)
    again = watch.wait_for("lost", 60, after=lost + 1)
    assert watch.events[again]["retry_s"] > watch.events[lost]["retry_s"]
    camera.start()
    back = watch.wait_for("reconnected", 90, after=again)
    assert watch.events[back]["away_s"] > 0

    # And is there again: she comes by once more, as somebody new to it, and is named again.
    once_more = watch.wait_for("answer", 120 / speed, after=back, decision="accepted", identity=WALKER)
    assert watch.events[once_more]["walker"] != watch.events[found]["walker"]

    assert watch.end(signal.SIGINT) == 0, watch.said
    assert "Traceback" not in watch.said
    assert watch.events[-1]["event"] == "stopped"
    assert watch.events[-1]["reconnects"] == 1
    assert watch.events[-1]["frames_watched"] > 50
    assert [json.loads(line) for line in log.read_text().splitlines()] == watch.events

    # Nobody is ever taken for one of the twenty, the man on the wall for nobody at all.
    names = {each.get("identity") for each in watch.events}
    assert names == {None, WALKER}
    left = [each for each in watch.events if each["event"] == "left"]
    standing = [each for each in left if any("walk" in reason for reason in each["reasons"])]
    assert standing
    assert all(each["identity"] is None and not each["settled"] for each in standing)

    # What was saved can be asked about, and among strangers alone she is nobody.
    walks = sorted(kept.glob("*-walker-*.npz"))
    assert walks
    (people / f"{WALKER}.mp4").rename(tmp_path / "away.mp4")
    try:
        answer = json.loads(meshgait("match", walks[0], "--gallery", people, "--json").out)
    finally:
        (tmp_path / "away.mp4").rename(people / f"{WALKER}.mp4")
    assert answer["identities"] == 20
    assert answer["walkers"][0]["identity"] is None


def test_a_real_rtsp_server_that_is_killed_and_comes_back(
    watching: Callable[..., Watching],
    rtsp_camera: Callable[..., Any],
    long_video: Callable[..., Path],
    clip: Path,
    tmp_path: Path,
) -> None:
    camera = rtsp_camera(long_video(clip, tmp_path / "hour.mp4", 100), "anna", "secret")
    log, strangers = tmp_path / "events.jsonl", folder("examples") / "walkers"
    watch = watching(camera.address, "--gallery", strangers, "--log", log, "--detector-px", 640)
    connected = watch.wait_for("connected", 400)
    assert watch.events[connected]["codec"] == "h264"
    appeared = watch.wait_for("appeared", 120, after=connected)

    camera.kill()
    lost = watch.wait_for("lost", 60, after=appeared)
    again = watch.wait_for("lost", 60, after=lost + 1)
    assert watch.events[again]["retry_s"] > watch.events[lost]["retry_s"]
    camera.start()
    back = watch.wait_for("reconnected", 90, after=again)
    assert watch.events[back]["codec"] == "h264"
    watch.wait_for("appeared", 120, after=back)

    assert watch.end(signal.SIGINT) == 0, watch.said
    assert watch.events[-1]["event"] == "stopped"
    assert watch.events[-1]["reconnects"] == 1
    assert {each.get("identity") for each in watch.events} == {None}  # she is in no gallery here
    assert [json.loads(line) for line in log.read_text().splitlines()] == watch.events
    assert "secret" not in log.read_text() + watch.said
    assert "Traceback" not in watch.said


def test_a_file_is_played_once_in_real_time_and_sigterm_ends_it_in_good_order(
    watching: Callable[..., Watching], clip: Path, people: Path, tmp_path: Path
) -> None:
    log = tmp_path / "events.jsonl"
    watch = watching(clip, "--gallery", people, "--log", log, "--detector-px", 640)
    watch.wait_for("connected", 300)
    began = monotonic()
    watch.wait_for("appeared", 60)
    assert watch.end(signal.SIGTERM) == 0, watch.said
    assert monotonic() - began < 30
    assert "Traceback" not in watch.said
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[-1]["event"] == "stopped"
    assert [each["event"] for each in events].count("left") == events[-1]["walkers"] > 0
