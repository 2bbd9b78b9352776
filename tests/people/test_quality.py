"""What makes a frame or a track a gait sample, and the words for what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from meshgait_cli.people import quality
from meshgait_cli.people.quality import frame_quality

PICTURE = (640, 480)
NOBODY = np.zeros((0, 4), dtype=np.float32)


@dataclass
class FakeMask:
    mask: np.ndarray
    left: float = 0.0
    top: float = 0.0
    pixel: float = 1.0
    predicted_iou: float = 0.95


def person(x1: int, y1: int, x2: int, y2: int) -> FakeMask:
    """A mask in the whole picture's pixels: an ellipse, as full a share of its box as people are."""
    y, x = np.mgrid[: PICTURE[1], : PICTURE[0]] + 0.5
    inside = ((x - (x1 + x2) / 2) / ((x2 - x1) / 2)) ** 2 + ((y - (y1 + y2) / 2) / ((y2 - y1) / 2)) ** 2
    return FakeMask(inside <= 1)


def judge(box: tuple[int, int, int, int], mask: FakeMask | None = None, others: Any = NOBODY) -> Any:
    array = np.array(box, dtype=np.float32)
    return frame_quality(array, PICTURE, mask or person(*box), np.array(others, dtype=np.float32))


def test_a_whole_person_inside_the_picture() -> None:
    found = judge((200, 100, 280, 300))
    assert (found.height_px, found.cut, found.complete, found.overlap) == (200, False, True, 0)


@pytest.mark.parametrize(
    "box",
    [(0, 100, 80, 300), (560, 100, 640, 300), (200, 0, 280, 200), (200, 281, 280, 479)],
    ids=["left", "right", "top", "bottom"],
)
def test_a_box_at_the_border_is_cut_off(box: tuple[int, int, int, int]) -> None:
    assert judge(box).cut


def test_a_mask_at_the_border_is_cut_off_though_its_box_is_not() -> None:
    assert judge((8, 100, 88, 300), person(-10, 100, 88, 300)).cut
    assert not judge((8, 100, 88, 300)).cut


def test_a_mask_is_placed_by_its_crop() -> None:
    # The same person in a crop of half the resolution, cut out at (150, 50).
    small = person(200, 100, 280, 300).mask[50:350:2, 150:350:2]
    found = judge((200, 100, 280, 300), FakeMask(small, left=150, top=50, pixel=2))
    assert found.complete
    assert not found.cut
    assert judge((200, 100, 280, 300), FakeMask(small, left=558, top=50, pixel=2)).cut


@pytest.mark.parametrize(
    "mask",
    [
        person(200, 100, 280, 265),  # ends above the feet
        person(200, 135, 280, 300),  # begins below the head
        person(230, 100, 240, 300),  # a sliver
        person(120, 100, 380, 300),  # flows out over the background
        FakeMask(np.zeros((480, 640), dtype=bool)),
        replace(person(200, 100, 280, 300), predicted_iou=0.3),
        FakeMask(person(200, 100, 280, 190).mask | person(200, 210, 280, 300).mask),
    ],
    ids=["no feet", "no head", "sliver", "spilt", "empty", "SAM unsure", "two pieces"],
)
def test_incomplete_masks(mask: FakeMask) -> None:
    assert not judge((200, 100, 280, 300), mask).complete


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([[240, 100, 320, 300]], 0.5),
        ([[240, 100, 320, 300], [200, 100, 220, 300]], 0.5),  # the most, not the sum
        ([[300, 100, 380, 300]], 0.0),
        ([[0, 0, 640, 480]], 1.0),
    ],
)
def test_overlap_is_the_largest_share_inside_another_box(others: Any, expected: float) -> None:
    assert judge((200, 100, 280, 300), others=others).overlap == pytest.approx(expected)


def test_a_good_walk_is_usable_and_every_frame_is_good(walker: Callable[..., Any]) -> None:
    found = walker("walk", view=0).assess()
    assert found.quality.usable
    assert found.quality.reasons == ()
    assert found.good.mean() > 0.9
    assert found.quality.gait_cycles == pytest.approx(4.5, abs=0.7)
    assert 0.8 < found.quality.score <= 1
    assert found.quality.silhouettes == 125


def test_standing_is_refused_in_plain_words(walker: Callable[..., Any]) -> None:
    found = walker("stand").assess()
    assert found.quality.reasons == ("stands or does not walk (walking in 0 of 125 frames)",)
    assert found.quality.score == 0
    assert not found.good.any()


def test_a_small_person_is_refused_by_height(walker: Callable[..., Any]) -> None:
    track = walker("walk", view=0)
    shrunk = replace(track, boxes=track.boxes / 10, keypoints=track.keypoints * np.float32([0.1, 0.1, 1]))
    found = shrunk.assess().quality
    assert found.height_px < quality.MIN_HEIGHT_PX
    assert found.reasons[0].startswith("too small: ")


def test_cut_frames_are_left_out_and_too_many_of_them_refuse_the_track(walker: Callable[..., Any]) -> None:
    track = walker("walk", view=0)
    some = track.frames < 30
    found = replace(track, cut=some).assess()
    assert found.quality.usable
    assert not found.good[some].any()
    assert found.quality.cut_fraction == pytest.approx(30 / 125)

    most = track.frames >= 12
    refused = replace(track, cut=most).assess().quality
    assert refused.reasons == (
        "too few silhouettes of walking: 12, 15 needed",
        "cut off by the picture's border in 90% of the frames",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"overlap": np.full(125, 0.8, np.float32)}, "covered by another person in 100% of the frames"),
        ({"complete": np.zeros(125, bool)}, "without a whole silhouette in 100% of the frames"),
        ({"valid": np.zeros(125, bool)}, "without a whole silhouette in 100% of the frames"),
    ],
)
def test_other_faults_are_named(walker: Callable[..., Any], change: dict[str, Any], words: str) -> None:
    found = replace(walker("walk", view=0), **change).assess().quality
    assert not found.usable
    assert words in found.reasons


def test_less_than_a_cycle_is_refused(walker: Callable[..., Any]) -> None:
    track = walker("walk", view=0, fps=60, stride_hz=0.55)
    found = track.part(track.times < 1.5).assess().quality
    assert found.silhouettes == 90
    assert found.reasons == (f"less than 1.5 gait cycles seen ({found.gait_cycles:.1f})",)


def test_a_silhouette_that_lost_half_of_the_body_is_left_out(walker: Callable[..., Any]) -> None:
    track = walker("walk", view=0).copy()
    track.silhouettes[40, 20:] = 0
    found = track.assess()
    assert found.quality.usable
    assert not found.good[40]
    assert found.good[39]
    assert found.quality.complete_fraction == pytest.approx(124 / 125)


def test_longer_larger_and_cleaner_walks_score_higher(walker: Callable[..., Any]) -> None:
    track = walker("walk", view=0)
    best = track.assess().quality.score
    far = replace(track, boxes=track.boxes / 4, keypoints=track.keypoints * np.float32([0.25, 0.25, 1]))
    worse = (track.part(slice(0, 60)), far, replace(track, cut=track.frames % 3 == 0))
    for other in worse:
        assert 0 < other.assess().quality.score < best


@pytest.mark.parametrize("count", [0, 1, 3])
def test_hardly_any_frames(walker: Callable[..., Any], count: int) -> None:
    found = walker("walk", view=0).part(slice(0, count)).assess()
    assert not found.quality.usable
    assert found.walking.shape == found.good.shape == (count,)
