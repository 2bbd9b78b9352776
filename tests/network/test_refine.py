"""Points of a walk that are corrected by one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from meshgait_cli.body.reflection import MIRROR, mirrored_points, reflected_points
from meshgait_cli.network import refine
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


def test_a_mirror_image_is_corrected_alike():
    points, sure = _walk(LENGTH + 7)
    refiner = _random()
    plain = refined(refiner, points, sure)
    assert np.abs(plain - points).max() > 1e-3
    turned = refined(refiner, mirrored_points(torch.from_numpy(points)).numpy(), sure[:, list(MIRROR)])
    np.testing.assert_allclose(mirrored_points(torch.from_numpy(turned)).numpy(), plain, atol=1e-5)


def test_a_window_that_takes_the_other_body_is_turned_to_the_one_before(monkeypatch):
    """The network changes its mind between two windows: the walk stays one body all the same."""
    points, sure = _walk(2 * LENGTH)
    points[:] = points[0]
    other = reflected_points(torch.from_numpy(points)).numpy()

    class Fickle(PoseRefiner):
        calls = 0

        def forward(self, points: torch.Tensor, confidences: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return points if self.calls % 2 else reflected_points(points)

    monkeypatch.setattr(refine, "PASSES", 1)
    found = refined(Fickle(8, POINTS), points, sure)
    np.testing.assert_allclose(found, points, atol=1e-6)
    assert np.abs(other - points).max() > 0.1


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


def test_frames_that_show_the_other_body_are_turned_before_they_are_refined_again():
    """A refiner that brings half of the way to where a walk is on the mean: once, it is torn."""
    points, sure = _walk(12)
    points[:] = points[0]
    torn = points.copy()
    torn[[2, 5, 6]] = reflected_points(torch.from_numpy(points[[2, 5, 6]])).numpy()

    class Mean(PoseRefiner):
        def forward(self, points: torch.Tensor, confidences: torch.Tensor) -> torch.Tensor:
            return (points + points.mean(1, keepdim=True)) / 2

    np.testing.assert_allclose(refined(Mean(8, POINTS), torn, sure), points, atol=1e-6)
