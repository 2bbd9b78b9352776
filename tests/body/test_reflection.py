"""The two bodies of one outline, told apart over time."""

from __future__ import annotations

import numpy as np

from meshgait_cli.body.reflection import MIRROR, reflected, settle


def _walk(frames: int = 40) -> np.ndarray:
    """Points that swing smoothly, each side in its turn."""
    rng = np.random.default_rng(0)
    rest = rng.uniform(-0.3, 0.3, (88, 3))
    swing = 0.1 * np.sin(np.linspace(0, 4 * np.pi, frames))
    walk = np.repeat(rest[None], frames, axis=0)
    walk[:, :, 0] += swing[:, None] * np.where(np.arange(88) < np.array(MIRROR), 1, -1)
    return walk.astype(np.float32)


def test_reflection_undoes_itself_and_keeps_the_outline():
    walk = _walk()
    np.testing.assert_array_equal(reflected(reflected(walk)), walk)
    seen = sorted(map(tuple, walk[0, :, :2].tolist()))
    assert sorted(map(tuple, reflected(walk)[0, :, :2].tolist())) == seen


def test_flickering_frames_are_settled():
    walk = _walk()
    flicker = np.random.default_rng(1).random(len(walk)) < 0.3
    mixed = np.where(flicker[:, None, None], reflected(walk), walk)
    settled, turned = settle(mixed)
    np.testing.assert_allclose(settled, walk, atol=1e-6)
    np.testing.assert_array_equal(turned, flicker)


def test_a_steady_walk_is_left_alone():
    walk = _walk()
    settled, turned = settle(walk)
    np.testing.assert_array_equal(settled, walk)
    assert not turned.any()


def test_one_frame_and_none():
    for frames in (0, 1):
        settled, turned = settle(_walk()[:frames])
        assert settled.shape == (frames, 88, 3)
        assert turned.shape == (frames,)


def test_what_is_given_as_near_decides_which_of_the_two_it_is() -> None:
    points = np.random.default_rng(5).normal(0, 0.2, (1, 88, 3)).astype(np.float32).repeat(6, axis=0)
    other = reflected(points)
    mixed = points.copy()
    mixed[2:4] = other[2:4]
    for wanted, turned in ((points, [2, 3]), (other, [0, 1, 4, 5])):
        found, which = settle(mixed, near=wanted)
        np.testing.assert_array_equal(found, wanted)
        assert np.flatnonzero(which).tolist() == turned
    found, which = settle(points[:1], near=other[:1])
    assert which.all()
    np.testing.assert_array_equal(found, other[:1])
