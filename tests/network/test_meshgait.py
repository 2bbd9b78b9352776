"""The whole network: fusion, padding, the decoder kept out of recognition."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from meshgait_cli.network import meshgait
from meshgait_cli.network.energy import Moments
from meshgait_cli.network.meshgait import FUSIONS, MeshGait, ModelConfig, Pooled

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
ENERGY_ALONE = {"fusion": "energy", "energy": (4, 6)}


def _with(fusion: str) -> dict[str, object]:
    return ENERGY_ALONE if fusion == "energy" else {"fusion": fusion}


def _net(config: ModelConfig = TINY, **options) -> MeshGait:
    torch.manual_seed(0)
    return MeshGait(config, **options).eval()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_every_fusion_gives_16_parts_for_any_length(fusion, frames):
    with torch.no_grad():
        embedding = _net(replace(TINY, **_with(fusion))).embed(torch.rand(2, frames, 64, 44))
    assert embedding.shape == (2, 16, 6)
    assert not torch.allclose(embedding[0], embedding[1])


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("blocks", ["2d", "p3d", "3d"])
def test_a_padded_batch_gives_what_each_sequence_gives_alone(fusion, blocks):
    net = _net(replace(TINY, blocks=blocks, **_with(fusion)))
    sequences = [torch.rand(length, 64, 44) for length in (1, 4, 7)]
    batch = torch.rand(3, 7, 64, 44)  # padding is noise
    for row, sequence in zip(batch, sequences, strict=True):
        row[: len(sequence)] = sequence
    with torch.no_grad():
        together = net.embed(batch, torch.tensor([1, 4, 7]))
        alone = torch.cat([net.embed(sequence[None]) for sequence in sequences])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "changes", [{"blocks": "2d"}, {"blocks": "p3d"}, {"blocks": "3d"}, {"energy": (4, 6)}, ENERGY_ALONE]
)
def test_windows_with_context_pool_to_what_one_pass_pools(changes):
    net = _net(replace(TINY, **changes))
    silhouettes, around = torch.rand(1, 20, 64, 44), net.radius
    with torch.no_grad():
        windows = []
        for start, stop in ((0, 7), (7, 14), (14, 20)):
            low, high = max(0, start - around), min(20, stop + around)
            windows.append(net.pool(silhouettes[:, low:high], window=(start - low, stop - low)))
        merged = windows[0] | windows[1] | windows[2]
        torch.testing.assert_close(net.project(merged), net.embed(silhouettes), atol=1e-5, rtol=1e-4)


def test_both_branches_count_in_the_fusion():
    net, silhouettes = _net(), torch.rand(1, 3, 64, 44)
    with torch.no_grad():
        two, three = net.pool(silhouettes).maps
        both = net.project(Pooled((two, three)))
        assert not torch.allclose(net.project(Pooled((two, torch.zeros_like(three)))), both)
        assert not torch.allclose(net.project(Pooled((torch.zeros_like(two), three))), both)


def test_the_energy_branch_reads_all_frames_and_the_others_those_watched():
    net, silhouettes = _net(replace(TINY, energy=(4, 6))), torch.rand(2, 6, 64, 44)
    other = silhouettes.clone()
    other[:, 5] = torch.rand(2, 64, 44)
    with torch.no_grad():
        few = net(silhouettes, watched=slice(1, 3)).embedding
        assert not torch.allclose(few, net(other, watched=slice(1, 3)).embedding)
        pooled = net.pool(silhouettes)
        without = net.project(Pooled(tuple(torch.zeros_like(maps) for maps in pooled.maps), pooled.moments))
        torch.testing.assert_close(net(silhouettes, watched=slice(0, 0)).embedding, without)
        torch.testing.assert_close(net(silhouettes, watched=slice(0, 6)).embedding, net.embed(silhouettes))


def test_the_energy_picture_is_the_mean_and_the_spread_over_time():
    silhouettes = (torch.rand(2, 9, 64, 44) > 0.5).float()
    picture = Moments.of(silhouettes).picture()
    torch.testing.assert_close(picture[:, 0], silhouettes.mean(1))
    torch.testing.assert_close(picture[:, 1], silhouettes.std(1, correction=0))


def test_the_energy_branch_alone_needs_channels():
    with pytest.raises(ValueError, match="needs the energy branch's channels"):
        replace(TINY, fusion="energy")


def test_branches_of_different_width_cannot_be_added():
    with pytest.raises(ValueError, match="cannot be added"):
        MeshGait(replace(TINY, fusion="add", volume_channels=(4, 4, 6)))


def test_embed_never_builds_or_runs_the_decoder(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("recognition touched the decoder")

    expected = _net(with_decoder=True, marker_decoder=torch.rand(64, 9))
    silhouettes = torch.rand(1, 3, 64, 44)
    monkeypatch.setattr(meshgait.BodyDecoder, "__init__", refuse)
    monkeypatch.setattr(meshgait.BodyDecoder, "forward", refuse)
    monkeypatch.setattr("meshgait_cli.network.decode.locate", refuse)
    net = _net(replace(TINY, mesh_decoder="confidence"))
    with torch.no_grad():
        embedding = net.embed(silhouettes)
        assert net(silhouettes).reconstruction is None
    assert net.decoder is None
    assert not [name for name, _ in net.named_parameters() if "decoder" in name]
    # The same network with a decoder says the same, and does not run it either.
    with torch.no_grad():
        torch.testing.assert_close(expected.embed(silhouettes), embedding)


def test_embed_never_makes_the_88_volumes(monkeypatch):
    net = _net()

    def refuse(*_args):
        raise AssertionError("recognition made the volumes")

    monkeypatch.setattr(net.heatmaps, "volumes", refuse)
    monkeypatch.setattr(net.heatmaps.to_volumes, "forward", refuse)
    with torch.no_grad():
        assert net.embed(torch.rand(1, 2, 64, 44)).shape == (1, 16, 6)


def test_the_decoder_is_asked_for_by_name():
    net = _net()
    with pytest.raises(RuntimeError, match="build_decoder"):
        net.reconstruct(torch.rand(1, 2, 64, 44))
    net.build_decoder(torch.rand(64, 9))
    with torch.no_grad():
        assert net.reconstruct(torch.rand(2, 3, 64, 44)).vertices.shape == (6, 9, 3)


def test_a_network_without_a_3d_branch_has_nothing_to_decode():
    net = _net(replace(TINY, fusion="silhouette"))
    for attempt in (
        lambda: net.volumes(torch.rand(1, 1, 64, 44)),
        net.build_decoder,
        lambda: net(torch.rand(1, 1, 64, 44), decode=True),
    ):
        with pytest.raises(ValueError, match="no 3-D branch"):
            attempt()


def test_forward_decodes_all_frames_or_those_named():
    net = _net(with_decoder=True, classes=4)
    silhouettes = torch.rand(2, 3, 64, 44)
    with torch.no_grad():
        output = net(silhouettes, decode=True)
        some = net(silhouettes, decode=torch.tensor([4, 1]))
        torch.testing.assert_close(output.reconstruction.joints, net.reconstruct(silhouettes).joints)
    torch.testing.assert_close(some.reconstruction.joints, output.reconstruction.joints[[4, 1]])
    assert output.logits.shape == (2, 16, 4)
    torch.testing.assert_close(output.embedding, net.embed(silhouettes))


def _heatmap_gradient(config: ModelConfig) -> torch.Tensor:
    net = _net(config, with_decoder=True, marker_decoder=torch.rand(64, 9))
    output = net(torch.rand(1, 2, 64, 44), decode=True)
    body = output.reconstruction
    (body.vertices.square().sum() + 0.0 * body.joints.sum()).backward()
    grad = next(net.heatmaps.backbone.parameters()).grad
    assert grad is not None
    return grad


def test_the_mesh_loss_reaches_the_heatmap_estimator_by_default():
    assert _heatmap_gradient(TINY).any()


def test_the_mesh_loss_stops_before_the_volumes_when_detached():
    assert not _heatmap_gradient(replace(TINY, detach_before_mesh=True)).any()


def test_the_identity_loss_reaches_both_branches():
    net = _net(classes=3).train()
    net(torch.rand(4, 2, 64, 44)).logits.square().mean().backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None]
    assert silent == []


def test_bfloat16_says_nearly_the_same():
    net, silhouettes = _net(with_decoder=True), (torch.rand(1, 3, 64, 44) > 0.5).float()
    with torch.no_grad():
        exact = net(silhouettes, decode=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = net(silhouettes, decode=True)
    error = (rough.embedding.float() - exact.embedding).norm() / exact.embedding.norm()
    assert error < 0.05
    assert rough.reconstruction.joints.dtype == torch.float32


def test_a_configuration_survives_json():
    import json

    assert ModelConfig.from_dict(json.loads(json.dumps(TINY.to_dict()))) == TINY


@pytest.mark.parametrize(
    "change", [{"fusion": "sum"}, {"blocks": "4d"}, {"hrnet": "w1"}, {"volume_size": 12}, {"colour": 1}]
)
def test_a_wrong_configuration_is_refused(change):
    with pytest.raises(ValueError, match=r"not one of|unknown setting"):
        ModelConfig.from_dict({**TINY.to_dict(), **change})
