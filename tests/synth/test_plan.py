"""What a dataset holds, and that one walk seen twice is one walk."""

from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.synth.plan import SynthSettings, identity_of, render, takes_of


def test_conditions_views_and_numbers_make_the_folders_of_casia_b():
    settings = SynthSettings(conditions=("nm:6", "bg", "cl"), sequences=2, views="4")
    takes = takes_of(settings)
    assert len({(take.type, take.view) for take in takes}) == len(takes) == (6 + 2 + 2) * 4
    assert {take.type for take in takes} >= {"nm-01", "nm-06", "bg-02", "cl-01"}
    assert {take.view for take in takes} == {"000", "090", "180", "270"}


@pytest.mark.parametrize(
    ("views", "count", "drawn"), [("random", 1, True), ("random:3", 3, True), ("8", 8, False)]
)
def test_views(views, count, drawn):
    cameras = SynthSettings(views=views).cameras()
    assert len(cameras) == count
    assert all((azimuth is None) == drawn for azimuth in cameras)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "zip"},
        {"severity": "awful"},
        {"seed": -1},
        {"frames": 0},
        {"sequences": 0},
        {"sequences": 100},
        {"conditions": ()},
        {"conditions": ("xx",)},
        {"conditions": ("nm", "nm")},
        {"conditions": ("nm:0",)},
        {"conditions": ("nm:²",)},
        {"views": "0"},
        {"views": "all"},
        {"views": "random:0"},
        {"views": "361"},
    ],
)
def test_impossible_wishes_are_refused_in_one_line(wrong):
    with pytest.raises(UsageError) as caught:
        SynthSettings(**wrong)
    assert "\n" not in str(caught.value)


def test_two_cameras_see_the_same_walk():
    settings = SynthSettings(frames=8, views="2", sequences=1, severity="heavy")
    identity = identity_of(settings, 3)
    for condition in ("nm", "bg", "cl"):
        front, back = (
            render(settings, identity, take) for take in takes_of(settings) if take.condition == condition
        )
        assert (front.fps, front.outfit, front.carrying) == (back.fps, back.outfit, back.carrying)
        np.testing.assert_array_equal(front.rotations[0], back.rotations[0])
        assert front.camera.azimuth != back.camera.azimuth
        assert front.carrying == (condition == "bg")
        assert (front.outfit != 0) == (condition == "cl")


def test_a_known_walk_saves_time_and_changes_nothing():
    settings = SynthSettings(frames=6, views="2", sequences=1, conditions=("nm",))
    identity = identity_of(settings, 1)
    first, second = takes_of(settings)
    walk = render(settings, identity, first).walk
    assert walk is not None
    np.testing.assert_array_equal(
        render(settings, identity, second).silhouettes,
        render(settings, identity, second, walk).silhouettes,
    )
