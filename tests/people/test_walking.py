"""Walking told from everything else, on stick figures whose gait is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from meshgait_cli.people.walking import leg_spread, recognise


def gait_of(track: Any) -> Any:
    return recognise(track.times, track.boxes, track.keypoints, track.silhouettes, track.valid)


@pytest.mark.parametrize("fps", [8, 10, 25, 60])
@pytest.mark.parametrize("view", [0, 45, 70, 90, -90])
def test_walkers_are_recognised_from_every_side_at_every_frame_rate(
    walker: Callable[..., Any], view: float, fps: float
) -> None:
    track = walker("walk", view=view, fps=fps)
    gait = gait_of(track)
    assert gait.walking.mean() > 0.9
    # 5 s at 0.9 strides a second.
    assert gait.cycles(track.times) == pytest.approx(4.5, abs=0.7)


@pytest.mark.parametrize("view", [0, 45, 90])
@pytest.mark.parametrize("source", ["without_keypoints", "without_silhouettes"])
def test_either_keypoints_or_silhouettes_are_enough(
    walker: Callable[..., Any], view: float, source: str
) -> None:
    track = getattr(walker("walk", view=view), source)()
    assert gait_of(track).walking.mean() > 0.9


@pytest.mark.parametrize("view", [0, 90])
def test_a_treadmill_walker_walks_without_getting_anywhere(walker: Callable[..., Any], view: float) -> None:
    assert gait_of(walker("walk", view=view, speed=0.0)).walking.mean() > 0.9


@pytest.mark.parametrize("view", [0, 45, 90])
@pytest.mark.parametrize("act", ["stand", "wave", "jump"])
@pytest.mark.parametrize("source", ["both", "without_keypoints", "without_silhouettes"])
def test_standing_waving_and_jumping_are_not_walking(
    walker: Callable[..., Any], act: str, view: float, source: str
) -> None:
    track = walker(act, view=view)
    track = track if source == "both" else getattr(track, source)()
    gait = gait_of(track)
    assert not gait.walking.any()
    assert gait.cycles(track.times) == 0


def test_who_stands_while_the_camera_pans_does_not_walk(walker: Callable[..., Any]) -> None:
    track = walker("stand", view=45)
    pan = (track.times * 400).astype(np.float32)  # more than one body height a second
    track = track.copy()
    track.boxes[:, [0, 2]] += pan[:, None]
    track.keypoints[:, :, 0] += pan[:, None]
    assert not gait_of(track).walking.any()


def test_frames_of_standing_and_of_walking_are_told_apart_in_one_track(walker: Callable[..., Any]) -> None:
    track = walker("stand", view=0, seconds=4).then(walker("walk", view=0, seconds=5))
    walking = gait_of(track).walking
    assert not walking[: int(2.5 * 25)].any()
    assert walking[int(5.5 * 25) :].all()


def test_uneven_timestamps_and_a_gap_do_no_harm(walker: Callable[..., Any]) -> None:
    track = walker("walk", view=0, seconds=8)
    rng = np.random.default_rng(3)
    keep = rng.random(len(track.times)) < 0.6  # two frames of five are lost
    keep[80:110] = False
    gait = gait_of(track.part(keep))
    assert gait.walking.mean() > 0.9
    assert gait.cycles(track.times[keep]) == pytest.approx(0.9 * 6.8, abs=1.0)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_tracks_too_short_to_tell_are_not_walking(walker: Callable[..., Any], count: int) -> None:
    track = walker("walk", view=0).part(slice(0, count))
    gait = gait_of(track)
    assert gait.walking.shape == (count,)
    assert not gait.walking.any()
    assert gait.cycles(track.times) == 0


def test_leg_spread_is_the_distance_of_two_legs() -> None:
    silhouettes = np.zeros((3, 64, 64), dtype=np.uint8)
    silhouettes[0, :, 20:22] = 255
    silhouettes[0, :, 40:42] = 255  # 20 columns apart
    silhouettes[1, :, 31:33] = 255  # one leg, two columns wide
    spread = leg_spread(silhouettes)
    assert spread[0] * 64 == pytest.approx(20, abs=0.1)
    assert spread[1] * 64 == pytest.approx(1, abs=0.1)
    assert spread[2] == 0
