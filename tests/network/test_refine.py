"""Points of a walk that are corrected by one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from meshgait_cli.body.reflection import MIRROR, mirrored_points, reflected_points
from meshgait_cli.network.decode import POINTS
from meshgait_cli.network.refine import LENGTH, PoseRefiner, refined


def _random(channels: int = 8) -> PoseRefiner:
    torch.manual_seed(0)
    refiner = PoseRefiner(channels, POINTS).eval()
    for parameter in refiner.parameters():  # those that begin with nought too
        torch.nn.init.normal_(parameter, std=0.1)
    return refiner


def _walk(frames: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.uniform(-0.5, 0.5, (frames, POINTS, 3)).astype("f4"), rng.random((frames, POINTS)).astype("f4")


@pytest.mark.parametrize("frames", [1, 2, LENGTH, LENGTH + 1, 3 * LENGTH + 5])
def test_at_first_nothing_is_corrected_however_long_the_walk(frames):
    points, sure = _walk(frames)
    np.testing.assert_allclose(refined(PoseRefiner(8, POINTS), points, sure), points, atol=1e-6)


def test_mirror_image_and_reflection_are_corrected_alike():
    points, sure = _walk(LENGTH + 7)
    refiner = _random()
    plain = refined(refiner, points, sure)
    assert np.abs(plain - points).max() > 1e-3
    for turn in (mirrored_points, reflected_points):
        turned = refined(refiner, turn(torch.from_numpy(points)).numpy(), sure[:, list(MIRROR)])
        np.testing.assert_allclose(turn(torch.from_numpy(turned)).numpy(), plain, atol=1e-5)


def test_what_stands_far_off_in_a_long_walk_does_not_matter():
    points, sure = _walk(5 * LENGTH)
    refiner = _random()
    other = points.copy()
    other[-LENGTH:] = 0
    ours, theirs = (refined(refiner, each, sure) for each in (points, other))
    np.testing.assert_array_equal(ours[: 3 * LENGTH], theirs[: 3 * LENGTH])
    assert np.abs(ours[-LENGTH:] - theirs[-LENGTH:]).max() > 1e-3


def test_a_confidence_of_nought_is_a_number_too():
    points, sure = _walk(4)
    assert np.isfinite(refined(_random(), points, np.zeros_like(sure))).all()
