"""The metrics against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.distance import part_distance, part_distances
from meshgait_cli.evaluation.bootstrap import mean_interval, verification_intervals
from meshgait_cli.evaluation.metrics import equal_error_rate, error_curve, retrieve, tar_at_far


def test_part_distances_are_the_mean_over_parts_not_one_flat_distance():
    probes = np.array([[[0, 0], [0, 0]]], np.float32)
    gallery = np.array([[[3, 4], [0, 0]], [[3, 4], [6, 8]]], np.float32)
    np.testing.assert_allclose(part_distances(probes, gallery), [[2.5, 7.5]], atol=1e-5)


def test_blocks_give_what_one_by_one_gives(monkeypatch):
    monkeypatch.setattr("meshgait_cli.distance._BLOCK", 50)
    rng = np.random.default_rng(0)
    probes, gallery = rng.normal(size=(7, 4, 3)).astype("f4"), rng.normal(size=(5, 4, 3)).astype("f4")
    expected = np.stack([part_distance(one, gallery) for one in probes])
    np.testing.assert_allclose(part_distances(probes, gallery), expected, atol=1e-5)


def test_retrieval_by_hand():
    # The right ones come at places 1, 3 and 4 of five.
    distances = np.array([[0.1, 0.2, 0.3, 0.4, 0.5]])
    same = np.array([[True, False, True, True, False]])
    found = retrieve(distances, same, np.ones_like(same))
    assert found.rank.tolist() == [1]
    assert found.ap[0] == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert found.inp[0] == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("distances", "same", "rank"),
    [
        ([0.5, 0.5, 0.5], [True, False, False], 3),  # nobody is nearer: the right one comes last
        ([0.2, 0.5, 0.5], [False, True, False], 3),
        ([0.1, 0.2, 0.3], [False, False, True], 3),
        ([0.1, 0.2, 0.3], [True, False, False], 1),
    ],
)
def test_ties_do_not_help(distances, same, rank):
    found = retrieve(np.array([distances]), np.array([same]), np.ones((1, 3), bool))
    assert found.rank[0] == rank
    assert [found.within(k)[0] for k in (1, 2, 3)] == [float(rank <= k) for k in (1, 2, 3)]


def test_a_probe_whose_person_is_not_there_asks_nothing():
    same = np.array([[True, False], [False, False]])
    allowed = np.array([[False, True], [True, True]])
    found = retrieve(np.ones((2, 2)), same, allowed)
    assert not found.asked.any()
    assert np.isnan(found.within(1)).all()


def test_errors_by_hand():
    errors = error_curve(np.array([1.0, 2.0, 3.0, 6.0]), np.array([4.0, 5.0, 7.0, 8.0]))
    # Thresholds: none, 1 2 3 4 5 6 7 8.
    assert errors.false_accept.tolist() == [0, 0, 0, 0, 0.25, 0.5, 0.5, 0.75, 1]
    assert errors.false_reject.tolist() == [1, 0.75, 0.5, 0.25, 0.25, 0.25, 0, 0, 0]
    assert equal_error_rate(errors) == pytest.approx(0.25)
    assert tar_at_far(errors, 0.01) == pytest.approx(0.75)
    assert tar_at_far(errors, 0.5) == pytest.approx(1.0)


def test_the_extremes_of_the_equal_error_rate():
    apart = error_curve(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    reversed_ = error_curve(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
    alike = error_curve(np.array([1.0]), np.array([1.0]))
    assert equal_error_rate(apart) == 0
    assert equal_error_rate(reversed_) == 1
    assert equal_error_rate(alike) == pytest.approx(0.5)
    assert tar_at_far(alike, 0.01) == 0


def test_the_interval_resamples_people_not_probes():
    # Two people with fifty probes each, one always right and one never: people say "anything from 0 to 1".
    values, people = np.repeat([0.0, 1.0], 50), np.repeat([0, 1], 50)
    assert mean_interval(values, people, 500, seed=0) == (0.0, 1.0)
    many = np.arange(100)
    low, high = mean_interval(np.tile([0.0, 1.0], 50), many, 2000, seed=0)
    assert low == pytest.approx(0.4, abs=0.02)
    assert high == pytest.approx(0.6, abs=0.02)
    assert mean_interval(values, people, 500, seed=3) == mean_interval(values, people, 500, seed=3)


def test_probes_that_asked_nothing_do_not_count_in_the_interval():
    assert mean_interval(np.array([1.0, np.nan, 1.0]), np.array([0, 1, 2]), 100, seed=0) == (1.0, 1.0)


def test_verification_intervals_hold_the_figure():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(40), 3)
    same = people[:, None] == people[None]
    allowed = ~np.eye(len(people), dtype=bool)
    distances = rng.normal(np.where(same, 1.0, 2.5), 0.6)
    errors = error_curve(distances[same & allowed], distances[~same & allowed])
    eer, (tar,) = verification_intervals(distances, same, allowed, people, (0.01,), 200, seed=0)
    assert eer[0] < equal_error_rate(errors) < eer[1]
    assert tar[0] < tar_at_far(errors, 0.01) < tar[1]
    assert eer[1] - eer[0] < 0.1
