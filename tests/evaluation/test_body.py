"""Errors of reconstructed points against known movements."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshgait_cli.evaluation.body import procrustes_error, root_aligned, root_aligned_error


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 24, 3))


def test_where_a_body_stands_does_not_count(points):
    np.testing.assert_allclose(root_aligned_error(points + [3.0, -1.0, 2.0], points), 0, atol=1e-12)


def test_one_joint_three_off_is_an_eighth(points):
    moved = points.copy()
    moved[:, 5] += [0.0, 3.0, 0.0]
    np.testing.assert_allclose(root_aligned_error(moved, points), 3 / 24)
    np.testing.assert_allclose(root_aligned(moved, points)[:, [4, 5, 6]], [[0, 3, 0]] * 5, atol=1e-12)


def test_a_turned_scaled_and_shifted_body_is_the_same_body(points):
    turn = Rotation.random(5, rng=1).as_matrix()
    moved = 2.5 * points @ turn + 4.0
    assert root_aligned_error(moved, points).min() > 0.5
    np.testing.assert_allclose(procrustes_error(moved, points), 0, atol=1e-9)


def test_a_reflected_body_is_another_body(points):
    assert procrustes_error(points * [1, 1, -1], points).min() > 0.1
