from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import VideoError
from meshgait_cli.live.backoff import Backoff
from meshgait_cli.live.capture import Capture, Connected, Lost, Shot
from meshgait_cli.live.latest import Latest
from meshgait_cli.video.sources import VideoSource, expand

Reader = type[Any]
MOVING = [np.full((64, 96, 3), i * 5, np.uint8) for i in range(50)]


def run(capture: Capture, slowly: float = 0.0, limit: int = 10_000) -> list[Shot]:
    """Take what comes until it ends, or `limit` have come; `slowly`: seconds for each."""
    capture.start()
    capture.begin()
    shots: list[Shot] = []
    while not capture.latest.finished and len(shots) < limit:
        shot = capture.latest.take(0.5)
        if shot is not None:
            shots.append(shot)
            sleep(slowly)
    capture.stop()
    return shots


def news(capture: Capture) -> list[Connected | Lost]:
    found = []
    while not capture.news.empty():
        found.append(capture.news.get())
    return found


def opener(*steps: Any) -> Callable[[VideoSource], Any]:
    """Gives one reader after the other; raises those that are errors."""
    left = list(steps)

    def open_next(_: VideoSource) -> Any:
        step = left.pop(0) if left else VideoError("x cannot be reached: refused")
        if isinstance(step, Exception):
            raise step
        return step

    return open_next


def test_waiting_doubles_up_to_a_limit_and_starts_again_after_success() -> None:
    backoff = Backoff(first=0.5, limit=4.0)
    assert [backoff.fail() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    for _ in range(5000):  # a camera that is away for days
        assert backoff.fail() == 4.0
    backoff.reset()
    assert backoff.fail() == 0.5


def test_only_the_newest_is_kept_and_the_rest_is_counted() -> None:
    box: Latest[int] = Latest()
    for number in range(5):
        box.put(number)
    assert box.take(0) == 4
    assert (box.offered, box.dropped) == (5, 4)
    assert box.take(0.01) is None
    box.put(7)
    box.close()
    assert not box.finished
    assert box.take(0) == 7
    assert box.finished
    assert box.take(10) is None  # at once: nothing more can come


def test_whoever_waits_is_woken_by_a_frame() -> None:
    box: Latest[str] = Latest()
    threading.Timer(0.05, box.put, ["here"]).start()
    began = monotonic()
    assert box.take(5) == "here"
    assert monotonic() - began < 2


def test_a_slow_watcher_sees_the_newest_frames_and_is_never_behind(
    stream: VideoSource, fake_reader: Reader
) -> None:
    times = [i / 100 for i in range(100)]
    capture = Capture(stream, reconnect=False, opener=opener(fake_reader(times, step_s=0.01)))
    shots = run(capture, slowly=0.1)
    assert 5 <= len(shots) <= 14  # of 100, in about a second
    assert len(shots) + capture.latest.dropped == 100 == capture.latest.offered
    ages = [later.arrived - sooner.arrived for sooner, later in itertools.pairwise(shots)]
    assert min(ages[:-1]) > 0.05  # none was waiting in a queue
    assert shots[-1].frame.index == 99


def test_a_lost_stream_is_opened_again_and_time_runs_on(stream: VideoSource, fake_reader: Reader) -> None:
    capture = Capture(
        stream,
        backoff=Backoff(first=0.05, limit=0.2),
        opener=opener(
            fake_reader([0.0, 0.04, 0.08], step_s=0.01, message="I/O error"),
            VideoError("refused"),
            VideoError("refused"),
            fake_reader([0.0, 0.04, 0.08], step_s=0.01),
        ),
    )
    shots = run(capture, limit=6)
    heard = news(capture)
    assert [type(each).__name__ for each in heard][:5] == ["Connected", "Lost", "Lost", "Lost", "Connected"]
    lost = [each for each in heard if isinstance(each, Lost)]
    assert [each.retry_s for each in lost[:3]] == [0.05, 0.1, 0.2]
    assert lost[0].reason == "I/O error"
    back = heard[4]
    assert isinstance(back, Connected)
    assert back.away_s is not None
    assert 0.3 < back.away_s < 3
    stamps = [shot.frame.time_s for shot in shots]
    assert stamps == sorted(stamps)
    assert stamps[3] - stamps[2] > 0.3  # the gap is in the times
    assert [shot.frame.index for shot in shots] == list(range(6))


def test_without_reconnecting_a_lost_stream_is_the_end(stream: VideoSource, fake_reader: Reader) -> None:
    capture = Capture(stream, reconnect=False, opener=opener(fake_reader([0.0, 0.1])))
    run(capture)
    assert capture.failure is None
    (_, lost) = news(capture)
    assert isinstance(lost, Lost)
    assert lost.retry_s is None


def test_a_stream_that_opens_and_gives_no_picture_is_a_failure(
    stream: VideoSource, fake_reader: Reader
) -> None:
    capture = Capture(stream, reconnect=False, opener=opener(fake_reader([])))
    assert run(capture) == []
    assert isinstance(capture.failure, VideoError)
    assert "no picture" in str(capture.failure)


def test_the_first_connection_has_to_succeed(stream: VideoSource) -> None:
    capture = Capture(stream, opener=opener())
    assert run(capture) == []
    assert isinstance(capture.failure, VideoError)
    assert "refused" in str(capture.failure)


def test_patience_waits_also_at_the_start_and_then_gives_up(stream: VideoSource, fake_reader: Reader) -> None:
    refused = VideoError("refused")
    capture = Capture(
        stream,
        patience=0.4,
        backoff=Backoff(first=0.05, limit=0.1),
        opener=opener(refused, refused, fake_reader([0.0, 0.1])),
    )
    began = monotonic()
    assert len(run(capture)) >= 1
    assert 0.4 < monotonic() - began < 5
    assert "gave up" in str(capture.failure)


def test_patience_waits_at_the_start_without_reconnecting_too(
    stream: VideoSource, fake_reader: Reader
) -> None:
    def capture(*steps: Any) -> Capture:
        backoff = Backoff(first=0.05, limit=0.1)
        return Capture(stream, reconnect=False, patience=0.4, backoff=backoff, opener=opener(*steps))

    away = capture()
    assert run(away) == []
    assert "gave up" in str(away.failure)
    late = capture(VideoError("refused"), fake_reader([0.0, 0.1]))
    assert len(run(late)) >= 1
    assert late.failure is None
    assert [type(each).__name__ for each in news(late)] == ["Lost", "Connected", "Lost"]


def test_a_recording_is_played_at_its_own_speed_and_ends(fake_reader: Reader, tmp_path: Path) -> None:
    source = VideoSource("clip.mp4", "file", tmp_path / "clip.mp4", "clip")
    capture = Capture(source, opener=opener(fake_reader([i / 20 for i in range(11)])))
    began = monotonic()
    shots = run(capture)
    assert 0.45 < monotonic() - began < 3
    assert capture.failure is None
    assert shots[-1].frame.index == 10


def test_a_recording_behind_an_address_ends_and_is_not_played_for_ever(
    stream: VideoSource, fake_reader: Reader
) -> None:
    capture = Capture(stream, opener=opener(fake_reader([0.0, 0.1, 0.2], recorded_s=0.24)))
    run(capture)
    assert capture.failure is None
    assert [type(each).__name__ for each in news(capture)] == ["Connected"]


def test_pictures_without_times_take_those_of_their_arrival(stream: VideoSource, fake_reader: Reader) -> None:
    """Ten JPEGs a second, which FFmpeg calls 25: a walker would seem to run."""
    reader = fake_reader([i / 25 for i in range(10)], step_s=0.1, timed=False)
    capture = Capture(stream, reconnect=False, opener=opener(reader))
    shots = run(capture)
    assert shots[-1].frame.time_s - shots[0].frame.time_s == pytest.approx(0.9, abs=0.3)


@pytest.mark.parametrize(("fps", "rate", "every"), [(30, 15, 2), (90_000, 15, 2), (10, 15, 1), (25, 1e9, 1)])
def test_as_many_frames_are_offered_as_the_effort_says(
    stream: VideoSource, fake_reader: Reader, fps: float, rate: float, every: int
) -> None:
    reader = fake_reader([0.0], fps=fps)
    run(Capture(stream, rate=rate, reconnect=False, opener=opener(reader)))
    assert reader.every == every


def test_an_unforeseen_error_is_not_swallowed(stream: VideoSource) -> None:
    capture = Capture(stream, opener=opener(ZeroDivisionError("oops")))
    run(capture)
    assert isinstance(capture.failure, ZeroDivisionError)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_real_stream_that_is_killed_and_comes_back(
    make_video: Callable[..., Path], stream_server: Callable[..., Any], scheme: str
) -> None:
    server = stream_server(make_video(MOVING), scheme=scheme)
    killed_and_started_again(server)
    assert server.served >= 2


@pytest.mark.slow
def test_a_real_rtsp_server_that_is_killed_and_comes_back(
    make_video: Callable[..., Path], rtsp_camera: Callable[..., Any]
) -> None:
    killed_and_started_again(rtsp_camera(make_video(MOVING * 20), "anna", "secret"))


@pytest.mark.slow
def test_a_real_rtsp_server_that_asks_for_another_password(
    make_video: Callable[..., Path], rtsp_camera: Callable[..., Any]
) -> None:
    camera = rtsp_camera(make_video(MOVING), "anna", "secret")
    capture = Capture(expand([f"rtsp://anna:guessed@{camera.place}"])[0])
    run(capture)
    assert isinstance(capture.failure, VideoError)
    assert "401" in str(capture.failure)
    assert "guessed" not in str(capture.failure)


def killed_and_started_again(server: Any) -> None:
    """A capture of its stream: says that it was lost, tries ever less often, and goes on."""
    capture = Capture(expand([server.address])[0], backoff=Backoff(first=0.1, limit=0.4))
    capture.start()
    capture.begin()
    heard: list[Connected | Lost] = []
    until = monotonic() + 30
    killed = restarted = False
    while monotonic() < until and len([each for each in heard if isinstance(each, Connected)]) < 2:
        capture.latest.take(0.1)
        heard += news(capture)
        if not killed and capture.latest.offered > 5:
            server.kill()
            killed = True
        if killed and not restarted and sum(isinstance(each, Lost) for each in heard) >= 2:
            server.start()
            restarted = True
    assert capture.latest.take(5) is not None
    capture.stop()
    assert restarted
    lost = [each.retry_s for each in heard if isinstance(each, Lost)]
    assert lost[:2] == [0.1, 0.2]
    assert capture.failure is None
