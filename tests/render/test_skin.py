"""A walk as it is drawn: settled, and corrected or steadied."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from meshgait_cli.network.decode import POINTS
from meshgait_cli.network.refine import PoseRefiner, refined
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.render.skin import see
from meshgait_cli.render.smooth import smooth

FRAMES = 16


@pytest.fixture
def walk() -> SimpleNamespace:
    """Points that go round slowly, which are no other body's, and a network that sees them."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 0.002, (FRAMES, POINTS, 3)).cumsum(0)
    points = (rng.uniform(-0.5, 0.5, (POINTS, 3)) + steps).astype(np.float32)
    sure = rng.random((FRAMES, POINTS)).astype(np.float32)
    network = SimpleNamespace(points=lambda _: (points[:, :24], points[:, 24:], sure), refiner=None)
    sequence = SilhouetteSequence.from_arrays(np.zeros((FRAMES, 64, 64), np.uint8))
    return SimpleNamespace(points=points, sure=sure, network=network, sequence=sequence)


def _seen(walk: SimpleNamespace, times: np.ndarray) -> np.ndarray:
    seen = see(walk.sequence, times, walk.network)
    if walk.network.refiner is None:
        np.testing.assert_array_equal(seen.confidences, walk.sure)
    else:
        assert seen.confidences is None
    return np.concatenate([seen.joints, seen.markers], axis=1)


def test_without_a_refiner_points_are_steadied(walk):
    times = np.arange(FRAMES) / 30
    np.testing.assert_array_equal(_seen(walk, times), smooth(walk.points, times))


def test_a_refiner_reads_each_part_between_gaps_by_itself(walk):
    torch.manual_seed(0)
    refiner = walk.network.refiner = PoseRefiner(8, POINTS).eval()
    for parameter in refiner.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    times = np.arange(FRAMES) / 30
    whole = refined(refiner, walk.points, walk.sure)
    np.testing.assert_array_equal(_seen(walk, times), whole)
    times[10:] += 2
    parts = [refined(refiner, walk.points[some], walk.sure[some]) for some in (slice(10), slice(10, None))]
    np.testing.assert_array_equal(_seen(walk, times), np.concatenate(parts))
    assert np.abs(np.concatenate(parts) - whole).max() > 1e-4
    np.testing.assert_array_equal(_seen(walk, np.full(FRAMES, np.nan)), whole)
