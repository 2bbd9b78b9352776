from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery import heldout as heldout_module
from meshgait_cli.gallery.calibration import Asked, Calibration, fit
from meshgait_cli.gallery.heldout import heldout
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.gallery.tally import Tally, calibration_error

Make = Callable[..., list[GallerySequence]]
Run = Callable[..., Any]


def asked(people: int = 60, each: int = 4, apart: float = 3.0, seed: int = 0) -> Asked:
    """Impostors N(0, 1), genuine N(apart, 1)."""
    rng = np.random.default_rng(seed)
    own = np.repeat(np.arange(people), each)
    found = Asked(rng.normal(0, 1, (len(own), people)), own)
    found.scores[found.mine] += apart
    return found


def test_it_holds_where_the_scores_are_as_supposed() -> None:
    found = heldout(asked(), "net@1")
    value, low, high = found["eer"]
    assert low < value < high
    assert value == pytest.approx(0.067, abs=0.02)  # of N(0, 1) and N(3, 1)
    assert found["ece"] < 0.04
    assert found["cases"] == 2 * 240
    for row in found["thresholds"]:
        share, low, high = row["far"]
        assert low <= share <= high
        assert abs(share - row["asked"]) < 0.02 + 0.4 * row["asked"]
    accepted = [row["dir"][0] for row in found["thresholds"]]
    assert accepted == sorted(accepted)
    assert found["rank_1_of_known"][0] >= accepted[-1]


def test_a_curve_that_is_too_sure_shows() -> None:
    questions, right = asked(seed=1), fit(asked(seed=2).pairs, "net@1", "gallery")
    errors = {}
    for curve in (right, replace(right, slope=4 * right.slope, intercept=2 * right.intercept)):
        tally = Tally((0.01,))
        for row, own in zip(questions.scores, questions.own.tolist(), strict=True):
            tally.ask(curve, row, own, own)
            tally.ask(curve, np.delete(row, own), -1, own)
        errors[curve.slope] = tally.figures()["ece"]
    assert errors[right.slope] < 0.06 < errors[4 * right.slope]


def test_nobody_is_judged_by_a_curve_of_their_own_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    questions = asked(people=12, each=2)

    def seen(pairs: Any, *rest: Any, **named: Any) -> Calibration:
        given.append((pairs.people, len(pairs.impostor)))
        return fit(pairs, *rest, **named)

    monkeypatch.setattr(heldout_module, "fit", seen)
    heldout(questions, "net@1")
    assert given == [(12 - n, 2 * (12 - n) * (11 - n)) for n in (3, 3, 2, 2, 2)]
    left = questions.without(np.array([0, 5]))
    assert left.scores.shape == (20, 10)
    stay = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert np.array_equal(left.scores[:2], questions.scores[2:4][:, stay])
    assert np.array_equal(left.own, np.repeat(np.arange(10), 2))


def test_people_who_cannot_be_told_apart_without_a_fifth() -> None:
    found = heldout(asked(people=10, each=2, apart=-1.0), "net@1")
    assert set(found) == {"eer", "tar_at_far_0.01", "tar_at_far_0.001"}


def test_what_never_happened_may_yet_happen() -> None:
    tally = Tally((1e-6,))
    curve = fit(asked(seed=2).pairs, "net@1", "gallery")
    for person in range(14):
        tally.ask(curve, np.full(5, -3.0), -1, person)
    (row,) = tally.figures()["thresholds"]
    assert row["far"] == [0.0, 0.0, pytest.approx(1 - 0.025 ** (1 / 14), abs=1e-3)]
    assert row["dir"] is None


def test_the_calibration_error_is_the_mean_gap() -> None:
    said, right = np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, False, False, False])
    assert calibration_error(said, right) == pytest.approx(0.5 * 0.45 + 0.5 * 0.15)


def test_a_gallerys_owner_is_told_and_shown(people: Make, tmp_path: Path, meshgait: Run) -> None:
    store = Store.create(tmp_path / "g")
    store.add(people(14, each=3, spread=1.2))
    picture = tmp_path / "curves.png"
    done = meshgait("gallery", "calibrate", store.folder, "--diagram", picture)
    assert done.code == 0
    assert "strangers accepted" in done.out
    with Image.open(picture) as drawn:
        assert drawn.size == (1200, 400)
        assert len(np.unique(np.asarray(drawn.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    found = json.loads(meshgait("gallery", "calibrate", store.folder, "--json").out)["measured"]
    assert [row["asked"] for row in found["thresholds"]] == [0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
    assert Calibration.read(store.folder) is not None


@pytest.mark.parametrize(("name", "said"), [("x.doc", "no picture"), ("no/x.png", "no folder"), ("x", "png")])
def test_a_diagram_that_cannot_be_is_refused_first(
    people: Make, tmp_path: Path, meshgait: Run, name: str, said: str
) -> None:
    store = Store.create(tmp_path / "g")
    store.add(people(12))
    refused = meshgait("gallery", "calibrate", store.folder, "--diagram", tmp_path / name)
    assert refused.code == 2
    assert said in refused.error
    assert Calibration.read(store.folder) is None


@pytest.mark.parametrize(
    "change",
    [
        {"slope": "steep"}, {"slope": float("nan")}, {"slope": -1.0}, {"intercept": None}, {"tail": []},
        {"tail": [[0.5, 0.1]]}, {"tail": [[0.1, 1.0], [0.5, 0.1]]}, {"tail": [[0.5, "x"], [0.1, 1]]},
        {"people": "ten"}, {"sets": "worst"}, {"halves": "both"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_damaged_calibration_is_said_in_words(tmp_path: Path, change: dict) -> None:
    Store.create(tmp_path / "g")
    made = fit(asked(people=12).pairs, "net@1", "gallery").to_dict()
    (tmp_path / "g" / "calibration.json").write_text(json.dumps({**made, **change}))
    with pytest.raises(GalleryError, match="gallery calibrate"):
        Calibration.read(tmp_path / "g")
