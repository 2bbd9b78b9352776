"""Branches that were trained apart become one network, whose maps are fitted on people nobody has seen."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from meshgait_cli.errors import UsageError
from meshgait_cli.network.decode import POINTS
from meshgait_cli.network.meshgait import MeshGait, ModelConfig
from meshgait_cli.network.refine import PoseRefiner
from meshgait_cli.network.variants import VARIANTS, alone
from meshgait_cli.synth.corpus import Corpus, make_corpus
from meshgait_cli.training import graft, join, rejoin
from meshgait_cli.training.join import branch_of, fit_maps, joined, strips_of
from meshgait_cli.training.losses import nearest_loss, part_distances
from meshgait_cli.training.rejoin import rejoined
from meshgait_cli.training.settings import TrainSettings

TINY = ModelConfig(
    "tiny", blocks="2d", layers=(1, 1, 1, 1), channels=(8, 8, 8, 16), stem_stride=2, hrnet="tiny", squeeze=8,
    volume_channels=(4, 4, 8), energy=(8, 8, 8, 8), embedding_dim=8,
)  # fmt: skip


def parts() -> list[MeshGait]:
    torch.manual_seed(3)
    nets = [MeshGait(alone(TINY, branch)).eval() for branch in ("energy", "silhouette", "heatmap")]
    for net in nets:  # as after training: norms that do something
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
                module.running_mean.uniform_(-0.1, 0.1)
    return nets


def fit(model: MeshGait, strips: np.ndarray, identities: np.ndarray, steps: int) -> None:
    maps = fit_maps(model.fcs.weight, list(model.widths.values()), strips, identities, steps=steps)
    model.fcs.weight.data.copy_(maps)


def test_what_is_joined_says_what_its_parts_say() -> None:
    nets = parts()
    walk = torch.rand(2, 6, 64, 44)
    whole = joined(TINY, nets)
    with torch.no_grad():
        torch.testing.assert_close(
            whole.embed(walk), sum(net.embed(walk) for net in nets), atol=1e-5, rtol=1e-4
        )


def test_what_was_joined_comes_apart_as_it_was() -> None:
    nets = parts()
    whole = joined(TINY, nets)
    for net in nets:
        part = branch_of(whole, net.config.fusion)
        assert part.config == net.config
        for key, value in net.state_dict().items():
            assert torch.equal(part.state_dict()[key], value), key
    with pytest.raises(ValueError, match="no branch 'arms'"):
        whole.columns("energy", "arms")


def test_one_branch_is_replaced_and_the_maps_are_fitted_anew(tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus", 6, seed=4, sequences=2, frames=12)
    corpus = Corpus.open(tmp_path / "corpus")
    whole, new = joined(TINY, parts()), parts()[0]
    with torch.no_grad():
        new.energy_branch.stem[0].weight.mul_(1.5)  # type: ignore[union-attr]
    done = rejoined(whole, [new], corpus, tmp_path)
    before, after = whole.state_dict(), done.state_dict()
    moved = {key for key in after if not torch.equal(after[key], before[key])}
    assert moved == {"fcs.weight", "energy_branch.stem.0.weight"}
    half = rejoined(whole, [new], corpus, tmp_path, share=0.5).state_dict()
    stem = "energy_branch.stem.0.weight"
    assert torch.allclose(half[stem], (before[stem] + after[stem]) / 2, atol=1e-6)
    for share in (-0.1, 1.5, math.nan):
        with pytest.raises(UsageError, match="between 0 and 1"):
            rejoined(whole, [new], corpus, tmp_path, share=share)
    with pytest.raises(UsageError, match="'concat' is no branch of tiny"):
        rejoined(whole, [whole], corpus, tmp_path)
    assert torch.equal(after["energy_branch.stem.0.weight"], new.state_dict()["energy_branch.stem.0.weight"])


def test_a_refiner_stays_as_long_as_the_3d_branch_does(tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus", 6, seed=4, sequences=2, frames=12)
    corpus = Corpus.open(tmp_path / "corpus")
    energy, _, heatmap = nets = parts()
    heatmap.build_decoder()
    whole = joined(TINY, nets)
    whole.adopt(PoseRefiner(8, POINTS))
    kept = rejoined(whole, [energy], corpus, tmp_path)
    assert kept.config.refiner == 8
    assert kept.decoder is not None
    assert kept.decoder.refiner is not None
    lost = rejoined(whole, [heatmap], corpus, tmp_path)
    assert lost.config.refiner == 0
    assert lost.decoder is not None
    assert lost.decoder.refiner is None
    assert branch_of(whole, "heatmap").config.refiner == 0


@pytest.mark.parametrize("branch", ["energy", "heatmap", "concat", "arms", ""])
def test_a_branch_that_there_is_not(branch: str) -> None:
    with pytest.raises(ValueError, match="deepgaitv2 has no branch"):
        alone(VARIANTS["deepgaitv2"], branch)


def test_nearest_loss_by_hand() -> None:
    """Three sequences, the first two of one person: only the nearer of one's own counts."""
    distances = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]])
    labels = torch.tensor([0, 0, 0])
    assert nearest_loss(distances, labels, 0.5).item() == pytest.approx(0, abs=1e-6)
    distances = torch.tensor(
        [[0.0, 1.0, 2.0, 9.0], [1.0, 0.0, 1.0, 9.0], [2.0, 1.0, 0.0, 1.0], [9.0, 9.0, 1.0, 0.0]]
    )
    labels = torch.tensor([0, 0, 1, 1])

    def anchor(own: float, *others: float) -> float:
        return -math.log(math.exp(-own) / sum(math.exp(-each) for each in (own, *others)))

    wanted = [anchor(1, 2, 9), anchor(1, 1, 9), anchor(1, 2, 1), anchor(1, 9, 9)]
    assert nearest_loss(distances, labels, 1.0).item() == pytest.approx(np.mean(wanted), rel=1e-5)


def test_maps_learn_what_the_branches_did_not_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose walk it is stands in two channels, which the maps begin by nearly ignoring; the rest is noise."""
    monkeypatch.setattr(join, "RATE", 5e-3)
    rng = np.random.default_rng(0)
    model = joined(TINY, parts())
    identities = np.repeat(np.arange(120), 5)
    strips = rng.normal(0, 0.5, (600, 16, model.width)).astype(np.float16)
    who = rng.normal(0, 1, (120, 16, 2))
    strips[:, :, :2] = who[identities] + rng.normal(0, 0.15, (600, 16, 2))
    with torch.no_grad():
        model.fcs.weight[:, :2] *= 0.5

    def rank_one(rows: np.ndarray) -> float:
        seen = torch.from_numpy(strips[rows].astype(np.float32))
        distances = part_distances(model.fcs(seen.transpose(1, 2)).detach()).mean(0).fill_diagonal_(math.inf)
        return float((identities[rows][distances.argmin(1).numpy()] == identities[rows]).mean())

    learned, others = np.arange(400), np.arange(400, 600)
    before = rank_one(others)
    fit(model, strips[learned], identities[learned], steps=100)
    after = rank_one(others)
    assert after > before + 0.2, (before, after)
    spread = model.fcs(torch.from_numpy(strips[learned].astype(np.float32)).transpose(1, 2)).detach().std(0)
    assert float(spread.square().sum(1).mean()) == pytest.approx(1, rel=0.01)


def test_a_branch_without_maps_of_its_own_spoils_nothing() -> None:
    nets = parts()
    torch.nn.init.zeros_(nets[2].fcs.weight)
    model = joined(TINY, nets)
    strips = np.random.default_rng(1).normal(0, 1, (24, 16, model.width)).astype(np.float16)
    fit(model, strips, np.repeat(np.arange(6), 4), steps=2)
    assert torch.isfinite(model.fcs.weight).all()


def test_strips_are_taken_up_where_they_were_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "TOGETHER", 4)
    monkeypatch.setattr(join, "CHUNK", 2)
    make_corpus(tmp_path / "corpus", 5, seed=9, sequences=4, frames=10)
    corpus = Corpus.open(tmp_path / "corpus")
    model = joined(TINY, parts())
    told: list[tuple[int, int]] = []
    whole = strips_of(model, corpus, tmp_path / "strips", bf16=False, tick=lambda *one: told.append(one))
    assert whole.shape == (20, 16, model.width)
    assert told == [(0, 20), (8, 20), (16, 20)]
    kept = sorted((tmp_path / "strips").rglob("*.npy"))
    assert len(kept) == 3
    kept[1].unlink()
    before = kept[0].stat().st_mtime_ns
    again = strips_of(model, corpus, tmp_path / "strips", bf16=False)
    assert np.array_equal(whole, again)
    assert kept[0].stat().st_mtime_ns == before
    with torch.no_grad():  # the mean of a walk and its mirror image is what recognition embeds
        frames = torch.from_numpy(np.array(corpus.silhouettes[:4])).float() / 255
        wanted = (model.embed(frames) + model.embed(frames.flip(-1))) / 2
        own = strips_of(model, replace_rows(corpus, 4), tmp_path / "few", windows=(), bf16=False)
        found = model.fcs(torch.from_numpy(own.astype(np.float32)).transpose(1, 2))
    torch.testing.assert_close(found, wanted, atol=2e-2, rtol=2e-2)


def replace_rows(corpus: Corpus, count: int) -> Corpus:
    return replace(corpus, silhouettes=corpus.silhouettes[:count], labels=corpus.labels[:count])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (TrainSettings("meshgait-s", changes=("apart=meshgait-b",)), "is no branch"),
        (TrainSettings("meshgait-s", changes=("fresh=1",)), "two fresh people"),
        (TrainSettings("meshgait-s", start_from=Path("meshgait-s")), "no --start-from"),
        (TrainSettings("deepgaitv2", changes=("branch=energy",)), "has no branch"),
        (TrainSettings("meshgait-s", changes=("variant=deepgaitv2",)), "has no branch"),
        (TrainSettings("meshgait-s", changes=("apart=nonsense",)), "there is no recipe"),
    ],
)
def test_what_cannot_be_joined(settings: TrainSettings, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settings.resolve()


@pytest.mark.parametrize("script", [rejoin, graft])
def test_as_scripts_they_say_what_is_missing(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = ["part.safetensors"] if script is rejoin else ["--bodies", "part.safetensors"]
    rest = ["--data", "walkers", "--out", "new.safetensors"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [script.__name__, *part, *rest])
    with pytest.raises(SystemExit, match=r"^2$"):
        script.main()
    assert capsys.readouterr().err.startswith("error: there is no network 'part.safetensors'")
    assert not list(tmp_path.iterdir())
