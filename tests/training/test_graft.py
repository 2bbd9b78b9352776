"""A network with another's 3-D branch says of people what it said."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from meshgait_cli.network.decode import POINTS
from meshgait_cli.network.meshgait import MeshGait
from meshgait_cli.network.refine import PoseRefiner
from meshgait_cli.network.variants import VARIANTS
from meshgait_cli.synth.corpus import Corpus, make_corpus
from meshgait_cli.training import graft as grafting
from meshgait_cli.training.graft import graft

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 20, seed=3, sequences=3, frames=10)
    return Corpus.open(folder)


@pytest.fixture
def model(monkeypatch) -> MeshGait:
    monkeypatch.setattr(grafting, "FITTED", 30)
    monkeypatch.setattr(grafting, "CHECKED", 12)
    monkeypatch.setattr(grafting, "WALKS", 4)
    torch.manual_seed(0)
    return MeshGait(VARIANTS["meshgait-s"]).eval()


def test_only_what_stands_behind_the_heatmaps_is_taught(model, corpus):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(1)
    other = MeshGait(VARIANTS["meshgait-s"]).eval().heatmaps
    shares = []
    found = graft(model, other, corpus, steps=3, tick=lambda share, loss: shares.append(share))
    assert shares[-1] == 1.0
    assert set(found) == {"strips_unexplained", "distance_changed"}
    after = model.state_dict()
    moved = {key.split(".")[0] for key in after if not torch.equal(after[key], before[key])}
    assert moved == {"heatmaps", "volume_branch", "fcs"}
    for key, value in other.state_dict().items():
        assert torch.equal(after[f"heatmaps.{key}"], value)
    two, three = model.widths["silhouette"], model.widths["heatmap"]
    changed = (after["fcs.weight"] != before["fcs.weight"]).any(2).any(0)
    assert not changed[:two].any()
    assert changed[two : two + three].all()
    assert not changed[two + three :].any()


def test_a_refiner_of_other_heatmaps_goes(model, corpus):
    model.build_decoder()
    model.adopt(PoseRefiner(8, POINTS))
    graft(model, deepcopy(model.heatmaps), corpus, steps=0)
    assert model.config.refiner == 0
    assert model.decoder.refiner is None


def test_its_own_heatmaps_change_next_to_nothing(model, corpus):
    found = graft(model, deepcopy(model.heatmaps), corpus, steps=0)
    assert found["strips_unexplained"] == 0.0
    assert found["distance_changed"] < 0.02
