"""Learning from real walks, with names and without."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from meshgait_cli.errors import NoWalkerError, SilhouetteError, UsageError
from meshgait_cli.shipped import folder as shipped_folder
from meshgait_cli.training import recipes
from meshgait_cli.training.batches import Batches
from meshgait_cli.training.losses import contrast_loss, known_pairs, triplet_loss
from meshgait_cli.training.session import TrainSettings, train_recipe
from meshgait_cli.training.walks import Mixed, Walk, WalkBatches, walks_of_results, walks_of_tree
from meshgait_cli.training.worsen import varied


def _person(number: int) -> np.ndarray:
    with np.load(sorted((shipped_folder("examples") / "walkers").glob("*.npz"))[number]) as arrays:
        return arrays["silhouettes"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Four people of two sequences each, as OpenGait has them."""
    root = tmp_path_factory.mktemp("tree")
    for number in range(4):
        whole = _person(number)
        for kind, part in (("nm-01", whole[::2]), ("nm-02", whole[1::2])):
            folder = root / f"{number:03d}" / kind / "090"
            folder.mkdir(parents=True)
            (folder / "090.pkl").write_bytes(pickle.dumps(part))
    (root.parent / "partition.json").write_text(
        json.dumps({"TRAIN_SET": ["000", "001", "002"], "TEST_SET": ["003"]})
    )
    return root


def _walk(identity, session, start, end, direction=0):
    views = _person(identity % 4)[:, :, 10:-10]
    return Walk(lambda: views, identity, direction, session, start, end)


def test_a_tree_gives_a_class_for_each_person_of_the_partition(tree):
    walks = walks_of_tree(tree, ["000", "002"])
    assert [walk.identity for walk in walks] == [0, 0, 1, 1]
    assert walks[0].load().shape[1:] == (64, 44)
    assert {walk.session for walk in walks} == {-1}
    with pytest.raises(UsageError, match="lacks 1"):
        walks_of_tree(tree, ["000", "099"])
    with pytest.raises(SilhouetteError, match="no silhouettes"):
        (tree.parent / "nothing").mkdir()
        walks_of_tree(tree.parent / "nothing")


def test_batches_of_walks_hold_windows_in_order(tree):
    batches = WalkBatches(walks_of_tree(tree), 3, 2, 8, seed=0)
    batch, again = batches.batch(4), batches.batch(4)
    assert batch.silhouettes.shape == (6, 8, 64, 44)
    assert torch.equal(batch.silhouettes, again.silhouettes)
    assert len(set(batch.labels.tolist())) == 3
    assert len(batch.points) == 0
    parts = [batches.batch(4, rank, 3) for rank in range(3)]
    assert sorted(torch.cat([part.labels for part in parts]).tolist()) == sorted(batch.labels.tolist())


def test_everybody_whose_way_is_known_is_turned_the_same_way():
    right, left = _walk(0, 0, 0, 1, 1), _walk(1, 0, 0, 1, -1)
    batches = WalkBatches([right, left], 2, 1, 100, seed=0)
    for step in range(4):
        batch = batches.batch(step)
        mirrored = []
        for label, view in zip(batch.labels.tolist(), batch.silhouettes, strict=True):
            plain = torch.from_numpy((right, left)[label].load()).float().mean(0) / 255
            as_is = torch.corrcoef(torch.stack([view.mean(0).flatten(), plain.flatten()]))[0, 1]
            turned_round = torch.corrcoef(torch.stack([view.mean(0).flip(1).flatten(), plain.flatten()]))[
                0, 1
            ]
            mirrored.append(bool(turned_round > as_is))
        by_label = dict(zip(batch.labels.tolist(), mirrored, strict=True))
        assert by_label[0] != by_label[1]


def test_only_those_seen_at_once_are_known_to_be_two():
    labels = torch.tensor([0, 0, 1, 2, 3])
    seen = torch.tensor([[0.0, 0, 5], [0, 0, 5], [0, 4, 9], [0, 6, 9], [-1, 0, 0]])
    known = known_pairs(labels, seen)
    assert known[0].tolist() == [True, True, True, False, True]
    assert known[2].tolist() == [True, True, True, True, True]
    assert torch.equal(known, known.T)


def test_what_is_not_known_moves_no_loss():
    labels = torch.tensor([0, 0, 1, 1])
    distances = torch.rand(2, 4, 4)
    known = torch.ones(4, 4, dtype=torch.bool)
    known[:2, 2:] = known[2:, :2] = False
    assert contrast_loss(distances, labels, 0.1, known) == pytest.approx(0, abs=1e-6)
    assert triplet_loss(distances, labels, 0.2, known) == 0
    assert contrast_loss(distances, labels, 0.1, ~known | known) == contrast_loss(distances, labels, 0.1)


def test_who_was_seen_together_is_drawn_together():
    walks = [_walk(number, number // 2, 0, 1) for number in range(12)]
    batch = WalkBatches(walks, 6, 2, 4, seed=0).batch(0)
    sessions, counts = np.unique(batch.seen[:, 0].numpy(), return_counts=True)
    assert len(sessions) == 3
    assert set(counts) == {4}


def test_results_without_a_walker_say_so():
    with pytest.raises(NoWalkerError):
        walks_of_results([])


def test_a_mixture_has_truth_for_its_first_sequences_only(tmp_path):
    from meshgait_cli.synth.corpus import Corpus, make_corpus

    make_corpus(tmp_path, 4, seed=2, sequences=2, frames=12)
    synthetic = Batches(Corpus.open(tmp_path), 4, 2, 4, seed=0, window=10)
    mixed = Mixed(synthetic, WalkBatches([_walk(n, 0, 0, 1) for n in range(4)], 2, 2, 4, seed=0, window=10))
    for step in range(5):
        batch = mixed.batch(step)
        alone = synthetic.batch(step)
        assert (len(batch.labels), len(batch.points)) == (12, 8)
        assert batch.labels[:8].max() < 4 <= batch.labels[8:].min()
        assert torch.equal(batch.silhouettes[:8, batch.watched], alone.silhouettes[:, alone.watched])
        assert known_pairs(batch.labels, batch.seen)[:8].all()
    assert mixed.classes == 8
    assert mixed.longer(6).batch(0).points.shape[1] == 6


def test_turning_and_faults_happen_by_chance_and_to_all_frames_alike():
    view = np.repeat(_person(0)[:1, :, 10:-10], 5, axis=0)
    points = np.full((5, 88, 3), 0.2, np.float32)
    rng = np.random.default_rng(0)
    for _ in range(5):  # moved to the side at most
        moved, truth = varied(view, points, rng, 0.0, 0.0)
        shift = round(64 * float(truth[0, 0, 0] - 0.2))
        assert np.array_equal(np.roll(moved, -shift, axis=2)[..., 2:-2], view[..., 2:-2])
        assert (truth[..., 1:] == points[..., 1:]).all()
    changed, truth = varied(view, points, rng, 1.0, 1.0)
    assert changed.shape == view.shape
    assert (changed != view).any()
    assert (changed == changed[:1]).all()
    assert (truth != points).any()
    assert varied(view, None, rng, 1.0, 1.0)[1] is None


@pytest.mark.slow
def test_a_tree_is_learned_from_by_its_recipe(tree, tmp_path):
    changes = (
        "variant=meshgait-s", "people=3", "each=2", "frames=4", "late_frames=4", "window=4", "bf16=false",
        "rate=0.001",
    )  # fmt: skip
    settings = TrainSettings(
        "gait3d", changes, steps=2, data=tree, partition=tree.parent / "partition.json", device="cpu"
    )
    done = train_recipe(settings, tmp_path / "run")
    assert done.about["identities"] == 3
    assert "user's own" in done.about["data"]
    assert done.path.is_file()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (TrainSettings("gait3d"), "name it by --data"),
        (TrainSettings("self-supervised"), "--videos"),
        (TrainSettings("meshgait-s", partition=__file__), "--partition"),
        (TrainSettings("gait3d", ("joints=1",), data=__file__), "without joints"),
    ],
)
def test_recipes_ask_for_the_data_they_need(settings, said):
    with pytest.raises(UsageError, match=said):
        settings.resolve()


def test_a_recipe_of_real_data_weighs_no_loss_that_needs_truth():
    for name in ("gait3d", "casia-b", "oumvlp", "grew", "sustech1k"):
        recipe = recipes.find(name)
        assert recipe == replace(recipe, joints=0.0, markers=0.0, traits=0.0, identities=0)
