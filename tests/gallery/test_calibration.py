from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery.calibration import Calibration, Pairs, asked_of, filler, fit, shipped
from meshgait_cli.gallery.identify import calibrate
from meshgait_cli.gallery.normalise import cohort_of
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.shipped_calibration import _rank_ones
from meshgait_cli.gallery.store import Store
from meshgait_cli.network.embed import Embedder

Make = Callable[..., list[GallerySequence]]
NOBODY = np.empty((0, 16, 8), np.float32)


def normal_pairs(seed: int = 0, genuine: int = 4000, impostor: int = 40_000) -> Pairs:
    """Impostors N(0, 1), genuine N(3, 1): the true log-likelihood ratio is 3·score − 4.5."""
    rng = np.random.default_rng(seed)
    return Pairs(rng.normal(3, 1, genuine), rng.normal(0, 1, impostor), 100)


def test_the_curve_is_the_log_likelihood_ratio() -> None:
    curve = fit(normal_pairs(), "net@1", "gallery")
    assert curve.slope == pytest.approx(3, rel=0.05)
    assert curve.intercept == pytest.approx(-4.5, rel=0.05)


def test_the_curve_bends_where_one_persons_scores_lie_wider() -> None:
    """Impostors N(0, 1), genuine N(3, 2): the true ratio has its lowest point at −1, and is level before."""
    rng = np.random.default_rng(0)
    curve = fit(Pairs(rng.normal(3, 2, 4000), rng.normal(0, 1, 40_000), 100), "net@1", "gallery")
    scores = np.linspace(-1, 4, 11)
    true = scores**2 / 2 - (scores - 3) ** 2 / 8 - math.log(2)
    assert curve.evidence(scores) == pytest.approx(true, abs=0.35)
    assert (np.diff(curve.evidence(np.linspace(-6, 9, 200))) >= 0).all()
    again = Calibration.from_dict(json.loads(json.dumps(curve.to_dict())))
    assert again == curve


def test_no_bend_is_read_into_a_straight_curve() -> None:
    assert {
        fit(normal_pairs(seed, genuine=200, impostor=4000), "net@1", "gallery").bend for seed in range(20)
    } == {0}


@pytest.mark.parametrize("people", [1, 10, 50])
@pytest.mark.parametrize("far", [0.1, 0.05, 0.01])
def test_the_false_accept_rate_holds_on_strangers(people: int, far: float) -> None:
    """Strangers against a whole gallery, none of whose pairs the threshold was made from."""
    threshold = fit(normal_pairs(), "net@1", "gallery").threshold(far, people)
    best = np.random.default_rng(9).normal(0, 1, (20_000, people)).max(1)
    share = float((best >= threshold).mean())
    spread = math.sqrt(far * (1 - far) / 20_000) + 0.15 * far  # of this sample, and of the fitted tail
    assert abs(share - far) < 3 * spread


def test_beyond_its_pairs_the_threshold_errs_on_the_safe_side() -> None:
    curve = fit(normal_pairs(impostor=2000), "net@1", "gallery")
    assert not curve.resolves(0.001, 100)
    assert curve.resolves(0.1, 5)
    best = np.random.default_rng(9).normal(0, 1, (20_000, 100)).max(1)
    assert (best >= curve.threshold(0.001, 100)).mean() <= 0.001
    thresholds = [curve.threshold(far, 100) for far in (0.5, 0.1, 0.01, 1e-3, 1e-5)]
    assert thresholds == sorted(thresholds)


def test_said_probabilities_come_true() -> None:
    """Half of the walkers are strangers: of those said to be X with probability p, a share p is X."""
    curve = fit(normal_pairs(), "net@1", "gallery")
    rng = np.random.default_rng(4)
    said, right = [], []
    for trial in range(6000):
        scores = rng.normal(0, 1, 20)
        if trial % 2:
            scores[7] += 3
        chances, nobody = curve.probabilities(scores, 20)
        assert chances.sum() + nobody == pytest.approx(1)
        said.append(chances.max())
        right.append(trial % 2 == 1 and int(chances.argmax()) == 7)
    said_array, right_array = np.array(said), np.array(right)
    for low in np.arange(0, 1, 0.2):
        chosen = (said_array >= low) & (said_array < low + 0.2)
        assert chosen.sum() > 50
        assert abs(said_array[chosen].mean() - right_array[chosen].mean()) < 0.06


def test_no_candidate_no_probability() -> None:
    chances, nobody = fit(normal_pairs(), "net@1", "gallery").probabilities(np.empty(0), 5)
    assert (len(chances), nobody) == (0, 1.0)


def test_pairs_are_each_persons_own_and_everybody_elses(people: Make) -> None:
    sequences = [*people(12, each=3), *people(5, each=1, seed=8, prefix="single")]
    pairs = asked_of(sequences, cohort_of(sequences, NOBODY)).pairs
    assert (pairs.people, len(pairs.genuine), len(pairs.impostor)) == (12, 36, 36 * 16)
    assert pairs.genuine.min() > pairs.impostor.max()  # far apart by construction
    assert abs(pairs.impostor.mean()) < 0.3
    assert 0.5 < pairs.impostor.std() < 2


def test_too_few_people_is_said_in_words(people: Make, tmp_path: Path) -> None:
    store = Store.create(tmp_path / "g")
    with pytest.raises(GalleryError, match="empty"):
        calibrate(store)
    store.add([*people(9), *people(30, each=1, seed=3, prefix="single")])
    with pytest.raises(GalleryError, match=r"needs 10 people .* here are 9"):
        calibrate(store)
    assert Calibration.read(store.folder) is None


def test_a_model_that_tells_nobody_apart_is_not_calibrated() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(GalleryError, match="no more alike"):
        fit(Pairs(rng.normal(-2, 1, 50), rng.normal(0, 1, 500), 20), "net@1", "gallery")


def test_a_gallerys_calibration_is_kept_in_it(people: Make, tmp_path: Path) -> None:
    store = Store.create(tmp_path / "g")
    store.add(people(12, spread=1.0))
    made = calibrate(store)
    assert Calibration.read(store.folder) == made
    assert (made.origin, made.people) == ("gallery", 12)
    assert {"eer", "tar_at_far_0.01", "ece", "reliability", "thresholds"} <= set(made.measured or {})
    (store.folder / "calibration.json").write_text(json.dumps({"slope": 1}))
    with pytest.raises(GalleryError, match="calibrate"):
        Calibration.read(store.folder)


def test_the_same_walks_give_the_same_calibration(people: Make, tmp_path: Path) -> None:
    """Whatever ids they are given, which are drawn, and whoever came first."""
    made = []
    for name, given in (("one", people(15)), ("two", people(15)[::-1])):
        store = Store.create(tmp_path / name)
        store.add(given)
        made.append(calibrate(store).to_dict())
    assert made[0] == made[1]


def test_the_shipped_network_is_calibrated() -> None:
    """Fails when the default weights change: python -m meshgait_cli.gallery.shipped_calibration"""
    model_id = Embedder(None, "cpu").model_id
    calibration = shipped(model_id)
    assert calibration is not None
    assert calibration.origin == "synthetic"
    assert calibration.halves is not None
    assert len(filler(model_id, (16, 128))) >= 30


def test_the_ways_to_compare_sets_are_set_against_each_other(people: Make) -> None:
    easy = _rank_ones(people(12, each=4))
    assert easy["rank_1"]["best"] == [1.0, 1.0, 1.0]
    assert easy["rank_1_over_best"] == {"mean": [0.0, 0.0, 0.0], "weighted": [0.0, 0.0, 0.0]}
    hard = _rank_ones(
        people(40, each=4, spread=4.0)
    )  # noise alone: the mean of three is nearer to the person
    gain, low, high = hard["rank_1_over_best"]["weighted"]
    assert low <= gain <= high
    assert gain == pytest.approx(hard["rank_1"]["weighted"][0] - hard["rank_1"]["best"][0], abs=1e-3)
    assert gain > 0
