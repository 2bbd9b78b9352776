"""Checkpoints: there and back, and files that are not what they should be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from meshgait_cli.errors import UsageError, WeightsError
from meshgait_cli.network import checkpoint
from meshgait_cli.network.checkpoint import load, save
from meshgait_cli.network.meshgait import MeshGait, ModelConfig

TINY = ModelConfig(
    "tiny",
    blocks="p3d",
    layers=(1, 1, 1, 1),
    channels=(8, 8, 8, 8),
    stem_stride=2,
    hrnet="tiny",
    volume_size=8,
    volume_channels=(4, 4, 8),
    embedding_dim=6,
)
METADATA = {
    "format": "meshgait-network-1",
    "config": json.dumps(TINY.to_dict()),
    "trained": "true",
    "card": "{}",
}


@pytest.fixture
def net() -> MeshGait:
    """A network whose batch norms have seen something."""
    torch.manual_seed(1)
    net = MeshGait(TINY, classes=3).train()
    with torch.no_grad():
        net(torch.rand(4, 3, 64, 44))
    return net.eval()


@pytest.fixture
def saved(net, tmp_path) -> Path:
    path = tmp_path / "mine.safetensors"
    save(net, path, trained=True, card={"data": "Läufer"})
    return path


def _embedding(net: MeshGait) -> torch.Tensor:
    with torch.no_grad():
        return net.embed(torch.linspace(0, 1, 2 * 64 * 44).reshape(1, 2, 64, 44))


def test_what_is_saved_is_what_is_loaded(net, saved):
    loaded = load(saved)
    torch.testing.assert_close(_embedding(loaded.network), _embedding(net), atol=0.0, rtol=0.0)
    assert loaded.config == TINY
    assert loaded.trained
    assert loaded.card == {"data": "Läufer"}
    assert not loaded.network.training
    assert [p.name for p in saved.parent.iterdir()] == ["mine.safetensors"]


def test_the_id_names_the_file_and_changes_with_its_content(net, saved, tmp_path):
    name, _, digest = load(saved).id.partition("@")
    assert name == "mine"
    assert len(digest) == 12
    other = tmp_path / "other" / "mine.safetensors"
    with torch.no_grad():
        net.fcs.weight[0, 0, 0] += 1
    save(net, other, trained=True)
    assert load(other).id != load(saved).id


def test_an_untrained_file_stays_untrained(net, tmp_path):
    save(net, tmp_path / "raw.safetensors", trained=False)
    assert not load(tmp_path / "raw.safetensors").trained


def test_the_classifier_is_not_written(saved):
    assert not [name for name in load_file(saved) if "necks" in name]


def test_half_precision_comes_back_as_float32(net, saved, tmp_path):
    path = tmp_path / "half.safetensors"
    with torch.no_grad():
        net.silhouette_branch.stem[1].running_var[0] = 1e6  # no float16 holds it
    expected = _embedding(net)
    save(net, path, trained=True, half=True)
    assert path.stat().st_size < 0.6 * saved.stat().st_size
    loaded = load(path).network
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert loaded.silhouette_branch.stem[1].running_var[0] == 1e6
    torch.testing.assert_close(_embedding(loaded), expected, atol=2e-2, rtol=2e-2)


def test_a_variant_without_a_shipped_file_is_untrained_and_always_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(checkpoint, "shipped_folder", lambda _: tmp_path)
    state = torch.random.get_rng_state()
    one, two = load("meshgait-s"), load(None)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.id == two.id == "meshgait-s@untrained"
    assert not one.trained
    assert torch.equal(one.network.fcs.weight, two.network.fcs.weight)


def test_a_variant_with_a_shipped_file_is_that_file(monkeypatch, tmp_path, net):
    monkeypatch.setattr(checkpoint, "shipped_folder", lambda _: tmp_path)
    save(net, tmp_path / "meshgait-s.safetensors", trained=True)
    loaded = load("meshgait-s")
    assert loaded.trained
    assert loaded.id.startswith("meshgait-s@")
    torch.testing.assert_close(_embedding(loaded.network), _embedding(net))


def test_a_name_that_is_nothing_lists_what_there_is():
    with pytest.raises(UsageError, match=r"meshgait-xl.*meshgait-w48"):
        load("meshgait-xl")


def test_the_learned_decoder_travels_with_the_file_but_recognition_leaves_it(tmp_path):
    torch.manual_seed(0)
    matrix = torch.rand(64, 9)
    net = MeshGait(replace(TINY, mesh_decoder="confidence"), with_decoder=True, marker_decoder=matrix).eval()
    torch.nn.init.normal_(net.decoder.correction.weight)
    path = tmp_path / "full.safetensors"
    save(net, path, trained=True)
    loaded = load(path)
    assert loaded.network.decoder is None
    loaded.build_decoder(matrix)
    x = torch.rand(1, 2, 64, 44)
    with torch.no_grad():
        torch.testing.assert_close(loaded.network.reconstruct(x).vertices, net.reconstruct(x).vertices)
    with pytest.raises(WeightsError, match=r"correction.weight is"):
        load(path).build_decoder(torch.rand(64, 8))  # a body with other vertices


def _rewrite(path: Path, change) -> Path:
    tensors, metadata = load_file(path), dict(METADATA)
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    return path


def _swap_config(**changes):
    def change(_tensors, metadata):
        metadata["config"] = json.dumps({**TINY.to_dict(), **changes})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t, m: t.pop("fcs.weight"), "fcs.weight is missing"),
        (lambda t, m: t.update(extra=torch.zeros(1)), "extra is not part"),
        (lambda t, m: t.update({"fcs.weight": torch.zeros(2, 2, 2)}), r"fcs.weight is \(2, 2, 2\)"),
        (lambda t, m: t["fcs.weight"].fill_(float("nan")), "fcs.weight is not finite"),
        (lambda t, m: m.update(format="other"), "no meshgait network"),
        (lambda t, m: m.clear(), "no meshgait network"),
        (lambda t, m: m.pop("config"), "cannot build"),
        (lambda t, m: m.update(config="{"), "cannot build"),
        (lambda t, m: m.update(config="[1]"), "cannot build"),
        (lambda t, m: m.update(trained="1"), "cannot build"),
        (_swap_config(colour=1), "unknown setting 'colour'"),
        (_swap_config(fusion="sum"), "cannot build"),
        (_swap_config(channels=[4, 4, 8]), "cannot build"),
        (_swap_config(channels=["4", 4, 8, 8]), "cannot build"),
        (_swap_config(channels=[-4, 4, 8, 8]), "cannot build"),
        (_swap_config(channels=8), "cannot build"),
        (_swap_config(volume_channels=[]), "cannot build"),
        (_swap_config(embedding_dim=None), "cannot build"),
        (_swap_config(embedding_dim=7), "does not fit"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(saved, change, words):
    with pytest.raises(WeightsError, match=words) as caught:
        load(_rewrite(saved, change))
    assert "\n" not in str(caught.value)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 64, b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_safetensors_is_refused(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged, or no safetensors"):
        load(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match="damaged"):
        load(saved)


def test_a_failed_write_leaves_the_old_file_and_no_litter(saved, net, monkeypatch):
    before = saved.read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        save(net, saved, trained=True)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]
