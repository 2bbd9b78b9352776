"""A tiny run learns, stops where it is told to, and goes on as if it had never stopped."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.errors import MeshgaitError, UsageError, WeightsError
from meshgait_cli.network.checkpoint import load, save
from meshgait_cli.network.meshgait import MeshGait, ModelConfig
from meshgait_cli.network.variants import VARIANTS
from meshgait_cli.synth.corpus import PROBES, Corpus, make_corpus
from meshgait_cli.training import loop, recipes
from meshgait_cli.training.batches import Batches
from meshgait_cli.training.board import open_board
from meshgait_cli.training.heldout import rank_one
from meshgait_cli.training.loop import Run, learning_rate
from meshgait_cli.training.losses import mirrored_points, part_distances
from meshgait_cli.training.run import averaged, build, fold_norm
from meshgait_cli.training.sources import SYNTHETIC

# Widths of 8 and more: of 4, a strided 1×1 convolution in channels-last memory never comes back from oneDNN
# (torch 2.14) on processors with AVX2 and no more.
TINY = ModelConfig(
    "tiny",
    fusion="silhouette",
    blocks="2d",
    layers=(1, 1, 1, 1),
    channels=(8, 8, 8, 16),
    stem_stride=2,
    embedding_dim=8,
)
RECIPE = replace(
    recipes.find("meshgait-s"),
    people=4,
    each=3,
    frames=4,
    late_frames=6,
    window=0,
    energy_until=0.0,
    triplet=0.5,
    classes=0.1,
    warmup=2,
    rate=1e-2,
    classes_from=0.0,
    bf16=False,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 6, seed=2, sequences=4, frames=8)
    return Corpus.open(folder)


def _run(corpus: Corpus, folder) -> Run:
    batches = Batches(corpus, RECIPE.people, RECIPE.each, RECIPE.frames, seed=0)
    return Run(build(TINY, RECIPE, batches.classes, seed=0), batches, RECIPE, folder)


def test_a_batch_holds_p_people_k_times_and_is_always_the_same(corpus):
    batches = Batches(corpus, 4, 3, 4, seed=1)
    batch, again, other = batches.batch(5), batches.batch(5), batches.batch(6)
    assert batch.silhouettes.shape == (12, 4, 64, 44)
    assert 0 <= batch.silhouettes.min() <= batch.silhouettes.max() <= 1
    assert len(set(batch.labels.tolist())) == 4
    assert all((batch.labels == label).sum() == 3 for label in batch.labels)
    assert torch.equal(batch.silhouettes, again.silhouettes)
    assert not torch.equal(batch.silhouettes, other.silhouettes)


@pytest.mark.parametrize("augment", [0.0, 1.0])
def test_the_truth_follows_the_mirror_and_the_shift_and_the_turn(corpus, augment):
    batch = Batches(corpus, 6, 4, 8, seed=0, augment=augment).batch(0)
    points, pictures = batch.points, batch.silhouettes
    columns = ((points[..., 0] + 0.5) * 64 - 10).floor().long().clamp(0, 43)
    rows = ((points[..., 1] + 0.5) * 64).floor().long().clamp(0, 63)
    trunk = [0, 3, 6, 9]
    hits = [
        pictures[b, t, rows[b, t, j], columns[b, t, j]] > 0.3
        for b in range(len(points)) for t in range(8) for j in trunk
    ]  # fmt: skip
    assert torch.stack(hits).float().mean() > 0.9
    assert mirrored_points(points).shape == points.shape


def test_everybody_in_a_batch_walks_the_same_way(corpus):
    batches = Batches(corpus, 6, 4, 8, seed=0)
    for step in range(6):
        points = batches.batch(step).points
        toes = (points[:, :, [10, 11], 0] - points[:, :, [7, 8], 0]).mean((1, 2))
        aside = toes.abs() > 0.03  # who comes or goes walks neither way
        assert len(set((toes[aside] > 0).tolist())) == 1


def test_the_schedule_warms_up_and_ends_near_nought():
    rates = [learning_rate(RECIPE, 100, share) for share in (0.0, 0.5, 1.0)]
    assert rates[0] == RECIPE.rate
    assert rates[1] == pytest.approx(RECIPE.rate / 2)
    assert rates[2] == pytest.approx(RECIPE.rate / 100)
    assert learning_rate(RECIPE, 0, 0.0) == RECIPE.rate / RECIPE.warmup


@pytest.mark.slow
def test_training_lowers_the_loss(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    losses = [run.advance(0.2)["loss"] for _ in range(40)]
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:8])


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(corpus, tmp_path):
    whole = _run(corpus, tmp_path / "whole")
    for _ in range(4):
        whole.advance(0.1)
    first = _run(corpus, tmp_path / "cut")
    for _ in range(2):
        first.advance(0.1)
    first.save()
    second = _run(corpus, tmp_path / "cut")
    assert second.resume()
    assert second.step == 2
    for _ in range(2):
        second.advance(0.1)
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key
    for key, value in whole.average.items():
        assert torch.equal(value, second.average[key]), key


def test_a_run_stops_when_its_time_is_used_and_leaves_a_checkpoint(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    lines = []
    run.train(0.002, look=lambda: {"looked": 1}, look_every=0.0, log=lines.append)
    assert run.seconds >= 0.12
    assert any("looked" in line for line in lines)
    again = _run(corpus, tmp_path)
    assert again.resume()
    again.train(0.002)
    assert again.step == run.step  # no time is left


def test_the_first_line_after_a_cut_is_the_mean_of_the_steps_since(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 3)
    monkeypatch.setattr(Run, "advance", lambda run, share: _stepped(run))
    run = _run(corpus, tmp_path)
    run.step, lines = 1, []
    run.train(steps=6, log=lines.append)
    assert [(line["step"], line["loss"]) for line in lines] == [(3, 2.5), (6, 5.0)]


def _stepped(run: Run) -> dict[str, float]:
    run.step += 1
    return {"loss": float(run.step)}


def test_a_new_run_may_begin_with_anothers_weights(corpus, tmp_path):
    first = _run(corpus, tmp_path / "first")
    first.advance(0.1)
    first.save()
    second = _run(corpus, tmp_path / "second")
    second.start_from(tmp_path / "first")
    assert torch.equal(second.model.state_dict()["fcs.weight"], first.average["fcs.weight"])
    assert second.step == 0
    assert second.began.startswith("1 steps")


def test_one_branch_may_begin_as_it_is_in_a_whole_network(corpus, tmp_path):
    config = replace(TINY, fusion="concat", hrnet="tiny", squeeze=8, volume_channels=(4, 4, 8), energy=(8, 8))
    whole = MeshGait(config).eval()
    save(whole, tmp_path / "whole.safetensors", trained=True)
    run = _run(corpus, tmp_path)
    run.start_from(tmp_path / "whole.safetensors")
    state = run.model.state_dict()
    assert torch.equal(state["fcs.weight"], whole.fcs.weight[:, whole.columns("silhouette")])
    key = next(key for key in state if key.startswith("silhouette_branch.") and key.endswith("weight"))
    assert torch.equal(state[key], whole.state_dict()[key])
    assert run.began.startswith("whole@")


def test_another_recipes_checkpoint_is_refused(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    run.save()
    run.recipe = replace(RECIPE, rate=1e-3)
    with pytest.raises(UsageError, match=r"another recipe \(rate differ"):
        run.resume()


def test_a_damaged_checkpoint_is_refused_in_words(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    (tmp_path / "last.pt").write_bytes(b"PK nonsense")
    with pytest.raises(MeshgaitError, match="damaged"):
        run.resume()
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeshgaitError, match="there is no run"):
        run.start_from(tmp_path / "empty")
    with pytest.raises(UsageError, match="is no tiny"):
        run.start_from(Path("deepgaitv2"))


def test_a_run_of_steps_may_be_cut_anywhere(corpus, tmp_path):
    whole = _run(corpus, tmp_path / "whole")
    whole.train(steps=4)
    cut = _run(corpus, tmp_path / "cut")
    shares = []

    def tick(share: float, loss: float) -> None:
        shares.append(share)
        if len(shares) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut.train(steps=4, save_every=1e-9, tick=tick)
    again = _run(corpus, tmp_path / "cut")
    assert again.resume()
    again.train(steps=4)
    assert shares == [0.25, 0.5, 0.75]
    assert again.step == whole.step == 4
    for key, value in whole.average.items():
        assert torch.equal(value, again.average[key]), key


def test_the_energy_branch_goes_ahead_alone(corpus, tmp_path):
    recipe = replace(RECIPE, window=8, energy_until=0.5)
    config = replace(TINY, energy=(8, 8))
    batches = Batches(corpus, 4, 3, 4, seed=0, window=8)
    run = Run(build(config, recipe, batches.classes, seed=0), batches, recipe, tmp_path)
    before = {key: value.clone() for key, value in run.model.state_dict().items()}
    run.advance(0.1)
    moved = {
        key.split(".")[0]
        for key, value in run.model.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert "energy_branch" in moved
    assert "silhouette_branch" not in moved
    for _ in range(2):
        run.advance(0.6)
    moved = {
        key.split(".")[0]
        for key, value in run.model.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert "silhouette_branch" in moved


@pytest.mark.slow
def test_the_body_is_learned_alone_for_a_while(corpus, tmp_path):
    recipe = replace(RECIPE, body_until=0.5, body_frames=8, joints=10.0, markers=10.0, mesh=5.0)
    batches = Batches(corpus, 4, 3, 4, seed=0)
    run = Run(build(VARIANTS["meshgait-s"], recipe, batches.classes, seed=0), batches, recipe, tmp_path)
    before = {key: value.clone() for key, value in run.model.state_dict().items()}
    losses = run.advance(0.1)
    assert set(losses) == {"loss", "rate", "joints", "markers", "mesh"}
    after = run.model.state_dict()
    moved = {key.split(".")[0] for key in after if not torch.equal(after[key], before[key])}
    assert moved == {"heatmaps"}
    assert "contrast" in run.advance(0.6)


@pytest.mark.slow
def test_bodies_are_learned_of_people_who_walk_both_ways(corpus, tmp_path, monkeypatch):
    """What batch norm remembers has to fit walkers to the left and to the right: a batch of one kind alone
    taught it neither, and bodies in use were as wrong as the mean body."""
    recipe = replace(RECIPE, body_until=0.5, body_frames=8, body_points=8, joints=10.0, markers=10.0)
    batches = Batches(corpus, 4, 3, 4, seed=0)
    run = Run(build(VARIANTS["meshgait-s"], recipe, batches.classes, seed=0), batches, recipe, tmp_path)
    seen = []
    maps = run.model.heatmaps.maps
    monkeypatch.setattr(run.model.heatmaps, "maps", lambda given: seen.append(given) or maps(given))
    assert set(run.advance(0.1)) == {"loss", "rate", "joints", "markers"}
    drawn = batches.batch(0)
    plain = drawn.silhouettes[:, drawn.watched].flatten(0, 1)
    ways = [
        any(torch.equal(frame, each) for each in plain)
        - any(torch.equal(frame.flip(-1), each) for each in plain)
        for frame in seen[0][0, 0]
    ]
    assert sorted(ways) == [-1] * 4 + [1] * 4


def test_a_batch_for_the_energy_branch_is_longer_than_what_is_watched(corpus):
    batch = Batches(corpus, 4, 3, 3, seed=0, window=8).batch(0)
    frames = batch.silhouettes.shape[1]
    assert 3 <= frames <= 8
    assert 0 <= batch.watched.start < batch.watched.stop <= frames
    assert batch.points.shape[1] == 3


def test_a_run_that_diverges_says_so(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    with torch.no_grad():
        next(run.model.parameters()).fill_(float("nan"))
    with pytest.raises(MeshgaitError, match="diverged at step 0"):
        run.advance(0.0)


def test_the_exported_embedding_has_the_distances_that_were_trained(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    for _ in range(3):
        run.advance(0.1)
    model = run.model.eval()
    x = Batches(corpus, 4, 3, 4, seed=3).batch(0).silhouettes
    with torch.no_grad():
        raw = model.embed(x)
        normed = model.necks.norm(raw.flatten(1)).view_as(raw) / raw.shape[2] ** 0.5
        fold_norm(model)
        folded = model.embed(x)
    torch.testing.assert_close(part_distances(folded), part_distances(normed), atol=2e-3, rtol=1e-3)


def test_the_finished_network_has_no_training_heads(corpus, tmp_path):
    run = _run(corpus, tmp_path)
    run.advance(0.0)
    model = averaged(TINY, run.average)
    assert isinstance(model, MeshGait)
    assert model.necks is None
    assert not model.training


def test_export_is_loaded_as_trained_with_its_card(corpus, tmp_path):
    from meshgait_cli.network.checkpoint import load
    from meshgait_cli.training.export import export

    run = _run(corpus, tmp_path)
    run.advance(0.0)
    model = averaged(TINY, run.average)
    loaded = load(export(model, {"steps": 1, **SYNTHETIC}, tmp_path / "tiny.safetensors"))
    assert loaded.trained
    assert loaded.card["steps"] == 1
    assert "synthetic" in loaded.card["data"]
    x = torch.rand(1, 4, 64, 44)
    with torch.no_grad():
        torch.testing.assert_close(loaded.network.embed(x), model.embed(x), atol=5e-3, rtol=2e-2)


def test_rank_one_counts_each_probe_by_itself():
    labels = np.zeros(5, dtype=[("identity", "i4"), ("probe", "i1")])
    labels["identity"] = [1, 2, 1, 2, 1]
    labels["probe"] = [0, 0, 1, 1, PROBES.index("view")]
    embeddings = np.array([[0.0], [1.0], [0.1], [0.2], [0.9]], np.float32)[:, None]
    found = rank_one(embeddings, labels)
    assert found == {"identities": 2, "same": 0.5, "view": 0.0}


def test_a_recipe_is_changed_by_name_and_value():
    recipe = recipes.changed(recipes.find("meshgait-s"), ["rate=0.01", "people=8", "bf16=false"])
    assert (recipe.rate, recipe.people, recipe.bf16) == (0.01, 8, False)
    for change, said in (("rate", "NAME=VALUE"), ("height=3", "NAME=VALUE"), ("people=many", "is no int")):
        with pytest.raises(UsageError, match=said):
            recipes.changed(recipe, [change])


@pytest.mark.parametrize(
    "change",
    [
        "people=-4", "people=0", "rate=nan", "rate=0", "rate=inf", "frames=0", "window=-1", "identities=-5",
        "ema=inf", "ema=1.1", "faults=-0.1", "minutes=-1", "minutes=nan", "steps=-1", "classes=-1",
        "milestones=0.5,nan", "body_points=89", "fresh=99999999999",
    ],
)  # fmt: skip
def test_a_value_outside_its_range_is_refused_by_name(change):
    name = change.partition("=")[0]
    with pytest.raises(UsageError, match=rf"--set {name}=.*: {name} goes from .* to "):
        recipes.changed(recipes.find("meshgait-s"), [change])


def test_every_number_of_every_recipe_has_a_range_and_is_in_it():
    for recipe in recipes.RECIPES.values():
        assert recipes.changed(recipe, []) == recipe
    kinds = {field.name: str(field.type) for field in fields(recipes.Recipe)}
    numbers = {name for name, kind in kinds.items() if kind in ("int", "float", "tuple[float, ...]")}
    assert numbers == set(recipes._RANGES)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04", b"\x80\x02."])
def test_a_file_that_is_no_checkpoint_is_said_without_torchs_words(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"no checkpoint of plain tensors: use another file$"):
        load(tmp_path / "a.pt")


def test_the_board_is_made_with_its_first_line(tmp_path):
    pytest.importorskip("tensorboard")
    write = open_board(tmp_path)
    assert not list(tmp_path.iterdir())
    write({"step": 1, "loss": 0.5})
    assert (tmp_path / "tensorboard").is_dir()


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(UsageError, match="meshgait-s"):
        recipes.find("nonsense")


def test_milestones_take_the_rate_to_a_tenth():
    recipe = replace(RECIPE, milestones=(0.5, 0.75), warmup=1)
    rates = [learning_rate(recipe, 9, share) for share in (0.0, 0.49, 0.5, 0.9)]
    assert rates == pytest.approx([RECIPE.rate, RECIPE.rate, RECIPE.rate / 10, RECIPE.rate / 100])
    assert recipes.changed(RECIPE, ["milestones=0.5,0.75"]).milestones == (0.5, 0.75)


def test_two_processes_draw_the_halves_of_one_batch(corpus):
    batches = Batches(corpus, 4, 3, 4, seed=1)
    whole, parts = batches.batch(2), [batches.batch(2, rank, 2) for rank in (0, 1)]
    both = torch.cat([part.silhouettes for part in parts])
    order = torch.cat([part.labels for part in parts]).argsort(stable=True)
    assert torch.equal(both[order], whole.silhouettes[whole.labels.argsort(stable=True)])


def test_sgd_is_an_optimiser_and_lion_is_not(corpus, tmp_path):
    batches = Batches(corpus, 4, 3, 4, seed=0)
    recipe = replace(RECIPE, optimiser="sgd", rate=0.01)
    run = Run(build(TINY, recipe, batches.classes, seed=0), batches, recipe, tmp_path)
    assert np.isfinite(run.advance(0.0)["loss"])
    with pytest.raises(UsageError, match="adamw or sgd"):
        Run(build(TINY, recipe, 6, 0), batches, replace(recipe, optimiser="lion"), tmp_path)
