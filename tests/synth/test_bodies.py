"""Errors of bodies against a dataset's truth, by networks that see what they are told to."""

from __future__ import annotations

import json

import numpy as np
import pytest

from meshgait_cli.body import open_body
from meshgait_cli.body.reflection import reflected
from meshgait_cli.errors import MeshgaitError, SourceNotFound
from meshgait_cli.network.refine import PoseRefiner
from meshgait_cli.synth import bodies
from meshgait_cli.synth.bodies import judge_bodies
from meshgait_cli.synth.dataset import make_dataset
from meshgait_cli.synth.labels import read_labels
from meshgait_cli.synth.plan import SynthSettings
from meshgait_cli.synth.truth import read_truth


@pytest.fixture(scope="module")
def walkers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth") / "walkers"
    make_dataset(folder, 2, SynthSettings(frames=6, sequences=1, planted=False))
    return folder


def _sees(monkeypatch, folder, change):
    """A network that sees the dataset's own bodies, changed."""
    places = []
    for row in read_labels(folder):
        body = read_truth(folder, row["identity"])[row["type"], row["view"]].body()
        places.append(np.concatenate([body.joints, body.markers], axis=1))
    told = iter(places)

    class Told:
        model_id, trained = "told@1", True
        refiner = PoseRefiner(8, 88)  # which has not learned to correct anything

        def __init__(self, model=None, device="auto"):
            pass

        def points(self, sequence):
            seen = change(next(told).copy())
            return seen[:, :24], seen[:, 24:], np.ones(seen.shape[:2], np.float32)

    monkeypatch.setattr(bodies, "Embedder", Told)


def test_who_sees_the_truth_or_its_reflection_anywhere_errs_by_the_decoder_alone(walkers, monkeypatch):
    def change(points):
        points[1::2] = reflected(points[1::2])
        return points + np.array([0.2, 0.0, -0.1], np.float32)

    _sees(monkeypatch, walkers, change)
    found = judge_bodies(walkers, resamples=50)
    assert (found.people, found.sequences) == (2, len(read_labels(walkers)))
    assert found.frames == 6 * found.sequences
    for way in ("root-aligned", "Procrustes"):
        assert found.values[f"joints, {way}"][0] < 0.1
        assert 1 < found.values[f"vertices, {way}"][0] < 15
    assert json.loads(json.dumps(found.to_dict()))["model"] == "told@1"


def test_a_joint_that_is_off_is_named_with_its_millimetres(walkers, monkeypatch):
    def change(points):
        points[:, 20, 1] += 0.1
        return points

    _sees(monkeypatch, walkers, change)
    found = judge_bodies(walkers, resamples=50)
    rows = {row["number"]: row["betas"] for row in read_labels(walkers)}
    tall = [np.ptp(open_body.load().shape(np.array(b)).template[:, 1].numpy()) for b in rows.values()]
    assert found.joints["left_wrist"][0] == pytest.approx(100 * np.mean(tall), rel=1e-3)
    assert found.joints["right_wrist"][0] < 0.1
    value, low, high = found.values["joints, root-aligned"]
    assert low <= value <= high
    assert value == pytest.approx(found.joints["left_wrist"][0] / 24, rel=1e-2)


def test_what_holds_no_truth_says_so(walkers, tmp_path):
    with pytest.raises(SourceNotFound, match="no true bodies"):
        judge_bodies(tmp_path)
    (tmp_path / "labels.parquet").write_bytes(b"PAR1")
    with pytest.raises(MeshgaitError, match="make the dataset again"):
        judge_bodies(tmp_path)
