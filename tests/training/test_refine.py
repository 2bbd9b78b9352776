"""A refiner that learns from a network's own mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.body.reflection import reflected
from meshgait_cli.network.checkpoint import load, save
from meshgait_cli.network.meshgait import MeshGait, ModelConfig
from meshgait_cli.network.refine import refined
from meshgait_cli.synth.corpus import Corpus, make_corpus
from meshgait_cli.training import refine as refining
from meshgait_cli.training.refine import Seen, fit_refiner, held_against, refine, seen_in

TINY = ModelConfig(
    "tiny", blocks="2d", layers=(1, 1, 1, 1), channels=(8, 8, 8, 16), stem_stride=2, hrnet="tiny", squeeze=8,
    volume_size=8, volume_channels=(4, 4, 8), energy=(8, 8, 8, 8), embedding_dim=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, 4, seed=4, sequences=3, frames=10)
    return Corpus.open(folder)


def _model() -> MeshGait:
    torch.manual_seed(0)
    model = MeshGait(TINY).eval()
    model.build_decoder().eval()
    return model


def _walks(count: int, frames: int, seed: int) -> np.ndarray:
    """S×T×88×3: points that swing, each in its own way, all of a walk in one rhythm."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6.28, (count, 1, 1, 1)) + np.arange(frames)[:, None, None] * 0.6
    swing = np.random.default_rng(0).normal(0, 0.2, (2, 88, 3))
    return (np.cos(phase) * swing[0] + np.sin(phase) * swing[1]).astype(np.float32)


def test_points_that_are_off_are_brought_nearer_in_walks_that_were_not_learned_from(monkeypatch):
    for name, value in {"WALKS": 16, "RATE": 5e-3, "WARMUP": 10, "EMA": 0.9}.items():  # a short run
        monkeypatch.setattr(refining, name, value)
    off = np.random.default_rng(2).normal(0, 0.08, (88, 3)).astype(np.float32)  # a mistake it always makes

    def seen(seed: int) -> Seen:
        truth = _walks(40, 12, seed)
        return Seen(truth + off, np.ones(truth.shape[:3], np.float32), truth)

    refiner = fit_refiner([seen(3)], channels=48, steps=200)
    other = seen(4)
    errors = [
        [np.abs(points - truth).mean() for points in (walk, refined(refiner, walk, sure))]
        for walk, sure, truth in zip(other.points, other.confidences, other.truth, strict=True)
    ]
    before, after = np.mean(errors, axis=0)
    assert after < 0.6 * before


def test_the_same_seed_gives_the_same_refiner():
    truth = _walks(20, 10, 0)
    seen = [Seen(truth + 0.02, np.ones(truth.shape[:3], np.float32), truth)]
    one, same, other = (fit_refiner(seen, channels=8, steps=5, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_a_refiner_learns_on_from_where_it_was():
    truth = _walks(20, 10, 0)
    seen = [Seen(truth + 0.02, np.ones(truth.shape[:3], np.float32), truth)]
    first = fit_refiner(seen, channels=8, steps=3)
    before = {key: value.clone() for key, value in first.state_dict().items()}
    assert all(torch.equal(before[key], value) for key, value in
               fit_refiner(seen, start=first, steps=0).state_dict().items())  # fmt: skip
    more = fit_refiner(seen, start=first, steps=3)
    assert more.channels == 8
    assert any(not torch.equal(before[key], value) for key, value in more.state_dict().items())
    assert all(torch.equal(before[key], value) for key, value in first.state_dict().items())


def test_what_was_cut_off_ends_in_the_same_refiner(tmp_path, monkeypatch):
    monkeypatch.setattr(refining, "SAVE_EVERY", 2)
    truth = _walks(20, 10, 0)
    seen = [Seen(truth + 0.02, np.ones(truth.shape[:3], np.float32), truth)]
    whole = fit_refiner(seen, channels=8, steps=6).state_dict()

    def killed(share: float, loss: float) -> None:
        if share > 0.8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_refiner(seen, channels=8, steps=6, kept=tmp_path / "kept.pt", tick=killed)
    steps: list[float] = []
    again = fit_refiner(
        seen, channels=8, steps=6, kept=tmp_path / "kept.pt", tick=lambda share, _: steps.append(share)
    )
    assert len(steps) == 2
    assert all(torch.equal(whole[key], value) for key, value in again.state_dict().items())


def test_the_truth_of_a_walk_is_the_nearer_of_two_bodies():
    truth = _walks(3, 10, 1)
    truth[1, 3, 5] = 9.0  # nobody's place: the walker had left the picture
    points = truth + np.float32(0.01)
    points[0] = reflected(truth[0])
    points[0, 4] = truth[0, 4]  # a frame in which the network took the other one
    sure = np.random.default_rng(0).random((3, 10, 88)).astype(np.float32)
    found = held_against(points, sure, truth)
    np.testing.assert_array_equal(found.truth, np.stack([reflected(truth[0]), truth[2]]))
    np.testing.assert_array_equal(found.points, points[[0, 2]])
    np.testing.assert_array_equal(found.confidences, sure[[0, 2]])


def test_what_was_decoded_is_not_decoded_again(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(refining, "CHUNK", 2)
    model, told = _model(), []
    first = seen_in(model, corpus, tmp_path, walks=5, tick=lambda done, total: told.append((done, total)))
    assert told == [(0, 5), (2, 5), (4, 5)]
    monkeypatch.setattr(refining, "_decoded", None)
    again = seen_in(model, corpus, tmp_path, walks=5)
    np.testing.assert_array_equal(first.points, again.points)
    assert first.points.shape[1:] == (10, 88, 3)


def test_a_refiner_is_kept_with_the_network_and_changes_no_embedding(corpus, tmp_path, monkeypatch):
    model = _model()
    walk = torch.rand(1, 6, 64, 44)
    with torch.no_grad():
        before = model.embed(walk)
    shares: list[float] = []
    refine(model, [corpus], tmp_path, walks=4, steps=2, learned=lambda share, loss: shares.append(share))
    assert shares == [0.5, 1.0]
    path = tmp_path / "net.safetensors"
    save(model, path, trained=True)
    loaded = load(path)
    assert loaded.config.refiner == refining.CHANNELS
    assert loaded.network.decoder is None
    with torch.no_grad():
        torch.testing.assert_close(loaded.network.embed(walk), before)
    theirs, ours = loaded.build_decoder().refiner, model.decoder.refiner
    for key, value in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[key], value), key


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "deepgaitv2"], "no 3-D branch"),
        (["--walks", "-1"], "counted from 0"),
        (["--steps", "-1"], "counted from 0"),
        (["--data", "nowhere"], "no finished corpus"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(corpus, tmp_path, monkeypatch, capsys, words, said):
    folder, out = Path(corpus.silhouettes.filename).parent, tmp_path / "out.safetensors"
    monkeypatch.setattr("sys.argv", ["refine", "--data", str(folder), "--out", str(out), *words])
    with pytest.raises(SystemExit) as ended:
        refining.main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_the_command_writes_a_network_with_a_refiner(corpus, tmp_path, monkeypatch, capsys):
    model, out = _model(), tmp_path / "out.safetensors"
    save(model, tmp_path / "in.safetensors", trained=True, card={"made": "here"})
    folder = Path(corpus.silhouettes.filename).parent
    words = ["refine", "--model", str(tmp_path / "in.safetensors"), "--data", str(folder), "--out", str(out)]
    monkeypatch.setattr("sys.argv", [*words, "--walks", "3", "--steps", "2"])
    refining.main()
    card = load(out).card
    assert card["made"] == "here"
    assert card["refined"]["walks"] == 3
    assert card["refined"]["data"] == [corpus.manifest]
    assert load(out).config.refiner == refining.CHANNELS
    assert "walks decoded" in capsys.readouterr().out
