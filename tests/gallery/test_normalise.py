from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.gallery.normalise import COHORT, centre_cameras, cohort_of, s_norm
from meshgait_cli.gallery.search import Gallery
from meshgait_cli.gallery.sequence import GallerySequence

Make = Callable[..., list[GallerySequence]]


def test_the_score_is_by_how_many_deviations_the_pair_is_nearer_than_the_cohort() -> None:
    to_cohort = np.array([[4.0, 6.0]], np.float32)  # mean 5, deviation 1
    of_cohort = np.array([[1.0, 5.0]], np.float32)  # mean 3, deviation 2
    nobody = np.zeros((1, 2), bool)
    score = s_norm(np.array([[2.0]], np.float32), to_cohort, of_cohort, nobody)
    assert score[0, 0] == pytest.approx(((5 - 2) / 1 + (3 - 2) / 2) / 2)


def test_whoever_is_asked_about_does_not_count_in_the_cohort() -> None:
    rng = np.random.default_rng(0)
    to_cohort, of_cohort = rng.random((1, 6)).astype(np.float32), rng.random((1, 6)).astype(np.float32)
    distance = np.array([[0.3]], np.float32)
    own = np.zeros((1, 6), bool)
    own[0, 2] = True
    without = np.delete(np.arange(6), 2)
    wanted = s_norm(distance, to_cohort[:, without], of_cohort[:, without], np.zeros((1, 5), bool))
    assert s_norm(distance, to_cohort, of_cohort, own) == pytest.approx(wanted)
    assert s_norm(distance, to_cohort, of_cohort, ~own | own, None).shape == (1, 1)
    assert s_norm(distance, to_cohort, of_cohort, np.zeros((1, 6), bool), own) == pytest.approx(wanted)


def test_scores_do_not_depend_on_the_units_of_the_embedding() -> None:
    rng = np.random.default_rng(1)
    d, q, c = (rng.random(shape).astype(np.float32) for shape in ((3, 4), (3, 9), (4, 9)))
    none = np.zeros((4, 9), bool)
    assert s_norm(d, q, c, none) == pytest.approx(s_norm(7 * d, 7 * q, 7 * c, none), rel=1e-4)


def test_a_small_gallerys_cohort_is_filled_up(people: Make) -> None:
    filler = np.zeros((50, 16, 8), np.float32)
    small = cohort_of(people(4), filler)
    assert (len(small), small.identities.count("")) == (COHORT, COHORT - 4)
    assert cohort_of(people(60), filler).identities.count("") == 0
    assert len(cohort_of(people(4), filler[:0])) == 4
    assert len(cohort_of(people(300, each=1), filler)) == 200
    assert len(cohort_of([], filler)) == COHORT


def test_a_cameras_offset_goes_away_with_its_mean(people: Make) -> None:
    """The same people by two cameras, one of which shifts everybody."""
    plain = people(8, each=1)
    shift = np.random.default_rng(3).standard_normal((16, 8)).astype(np.float32) * 3
    gallery = Gallery(tuple(replace(one, camera="door") for one in plain))
    queries = np.stack([one.embedding.values for one in plain]) + shift
    values, centred, cohort = centre_cameras(gallery, queries, np.ones((4, 16, 8), np.float32))
    assert centred == pytest.approx(values, abs=1e-5)
    assert np.abs(cohort).max() == 0


def test_the_mean_of_few_people_is_not_a_cameras(people: Make) -> None:
    gallery = Gallery(tuple(people(8)))
    with pytest.raises(UsageError, match="query: 3"):
        centre_cameras(gallery, np.zeros((3, 16, 8), np.float32), np.zeros((4, 16, 8), np.float32))
    two = Gallery(tuple(replace(one, camera="ab"[int(one.identity == "p0")]) for one in people(8)))
    with pytest.raises(UsageError, match="'b': 1"):
        centre_cameras(two, np.zeros((9, 16, 8), np.float32), np.zeros((4, 16, 8), np.float32))
