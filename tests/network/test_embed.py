"""Sequences of any length to embeddings and bodies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.body import open_body
from meshgait_cli.errors import DeviceError, RenderError, SilhouetteError
from meshgait_cli.network.checkpoint import save
from meshgait_cli.network.embed import MAX_FRAMES, Embedder
from meshgait_cli.network.meshgait import MeshGait, ModelConfig
from meshgait_cli.records import SilhouetteSequence


def _config(**changes) -> ModelConfig:
    values = {
        "name": "tiny",
        "blocks": "p3d",
        "layers": (1, 1, 1, 1),
        "channels": (4, 4, 8, 8),
        "stem_stride": 2,
        "hrnet": "tiny",
        "volume_size": 8,
        "volume_channels": (4, 4, 8),
        "embedding_dim": 6,
    }
    return ModelConfig(**{**values, **changes})


def _checkpoint(folder: Path, **changes) -> Path:
    torch.manual_seed(0)
    net = MeshGait(_config(**changes))
    if net.heatmaps is not None:
        torch.nn.init.normal_(net.heatmaps.to_volumes.weight)  # peaks all over, as after training
    path = folder / "tiny.safetensors"
    save(net, path, trained=True)
    return path


@pytest.fixture
def tiny(tmp_path) -> Path:
    return _checkpoint(tmp_path)


def _sequence(frames: int, seed: int = 0) -> SilhouetteSequence:
    rng = np.random.default_rng(seed)
    return SilhouetteSequence.from_arrays(rng.integers(0, 2, (frames, 64, 64), dtype=np.uint8) * 255)


def test_one_embedding_a_sequence_in_order_and_as_it_is_alone(tiny):
    embedder = Embedder(tiny, "cpu")
    sequences = [_sequence(frames, seed) for seed, frames in enumerate((7, 1, 30, 2, 7))]
    found = embedder.embed(sequences)
    assert [each.frames for each in found] == [7, 1, 30, 2, 7]
    for sequence, embedding in zip(sequences, found, strict=True):
        assert embedding.values.shape == (16, 6)
        assert embedding.model_id == embedder.model_id
        assert embedding.trained
        (alone,) = embedder.embed([sequence])
        np.testing.assert_allclose(embedding.values, alone.values, atol=1e-5, rtol=1e-4)


def test_the_network_sees_silhouettes_from_0_to_1_and_44_wide(tiny):
    embedder = Embedder(tiny, "cpu", mirror=False)
    sequence = _sequence(3)
    with torch.no_grad():
        expected = embedder.network.embed(torch.from_numpy(sequence.cropped / np.float32(255))[None])
    np.testing.assert_allclose(embedder.embed([sequence])[0].values, expected[0].numpy(), atol=1e-6)


def test_nothing_gives_nothing(tiny):
    assert Embedder(tiny, "cpu").embed([]) == []


@pytest.mark.parametrize("blocks", ["2d", "p3d", pytest.param("3d", marks=pytest.mark.slow)])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_long_sequence_cut_into_windows_is_as_if_it_were_not(tmp_path, blocks, mirror):
    path = _checkpoint(tmp_path, blocks=blocks)
    sequence = _sequence(40)
    (whole,) = Embedder(path, "cpu", mirror).embed([sequence])
    for limit in (1, 13, 39):
        (cut,) = Embedder(path, "cpu", mirror, max_frames=limit).embed([sequence])
        np.testing.assert_allclose(cut.values, whole.values, atol=1e-5, rtol=1e-4)
        assert cut.frames == 40


def test_no_pass_is_longer_than_the_limit_and_its_context(tiny, monkeypatch):
    embedder = Embedder(tiny, "cpu", mirror=False, max_frames=20)
    seen = []
    pool = embedder.network.pool

    def spy(silhouettes, *args, **options):
        seen.append(silhouettes.shape[0] * silhouettes.shape[1])
        return pool(silhouettes, *args, **options)

    monkeypatch.setattr(embedder.network, "pool", spy)
    embedder.embed([_sequence(n, n) for n in (3, 18, 7, 61, 20, 4, 5)])
    assert max(seen) <= 20 + 2 * embedder.network.radius
    assert len(seen) < 11  # and short ones do go together


@pytest.mark.slow
def test_more_than_720_frames_are_pooled_exactly(tiny):
    sequence = _sequence(MAX_FRAMES + 100)
    embedder = Embedder(tiny, "cpu", mirror=False)
    with torch.no_grad():
        expected = embedder.network.embed(torch.from_numpy(sequence.cropped / np.float32(255))[None])
    np.testing.assert_allclose(
        embedder.embed([sequence])[0].values, expected[0].numpy(), atol=1e-5, rtol=1e-4
    )


def test_a_long_sequence_is_the_mean_of_its_stretches_where_the_network_asks_for_them(tmp_path):
    embedder = Embedder(_checkpoint(tmp_path, stretch=10), "cpu")
    long, short = _sequence(31), _sequence(14)
    parts = [SilhouetteSequence.from_arrays(part) for part in np.array_split(long.silhouettes, 3)]
    steps = []
    mean, alone = embedder.embed([long, short], lambda done, total: steps.append((done, total)))
    expected = np.mean([each.values for each in embedder.embed(parts)], axis=0)
    np.testing.assert_allclose(mean.values, expected, atol=1e-5)
    whole = Embedder(_checkpoint(tmp_path), "cpu").embed([short])[0]  # too short to be parted
    np.testing.assert_allclose(alone.values, whole.values, atol=1e-5)
    assert (mean.frames, alone.frames) == (31, 14)
    assert steps[-1] == (2, 2)


def test_with_the_mirror_it_does_not_matter_which_way_one_walks(tiny):
    sequence = _sequence(5)
    turned = SilhouetteSequence.from_arrays(sequence.silhouettes[:, :, ::-1].copy())
    both = Embedder(tiny, "cpu", mirror=True)
    one = Embedder(tiny, "cpu", mirror=False)
    a, b = (each.values for each in both.embed([sequence, turned]))
    np.testing.assert_allclose(a, b, atol=1e-5)
    c, d = (each.values for each in one.embed([sequence, turned]))
    assert not np.allclose(c, d, atol=1e-3)
    np.testing.assert_allclose(a, (c + d) / 2, atol=1e-5)


def test_progress_counts_up_to_all(tiny):
    steps = []
    sequences = [_sequence(n) for n in (3, 9, 5)]
    Embedder(tiny, "cpu", max_frames=10).embed(sequences, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (3, 3)
    assert steps == sorted(steps)


def test_embedding_never_builds_the_decoder(tiny):
    embedder = Embedder(tiny, "cpu")
    embedder.embed([_sequence(3)])
    assert embedder.network.decoder is None


def test_a_body_is_skinned_from_its_markers(tiny):
    embedder = Embedder(tiny, "cpu")
    sequence = _sequence(35)
    body = embedder.reconstruct(sequence)
    joints, markers, confidences = embedder.points(sequence)
    assert body.units == "silhouette"
    assert body.vertices.shape == (35, 6890, 3)
    np.testing.assert_allclose(body.joints, joints, atol=1e-6)
    assert confidences.shape == (35, 88)
    assert np.abs(joints).max() <= 0.5 + 1e-6
    np.testing.assert_allclose(body.vertices[34], open_body.marker_decoder().T @ markers[34], atol=1e-5)
    assert embedder.volumes(sequence).shape == (35, 88, 8, 8, 8)


def test_a_refiner_comes_with_its_checkpoint(tiny, tmp_path):
    assert Embedder(tiny, "cpu").refiner is None
    torch.manual_seed(0)
    net = MeshGait(_config(refiner=8), with_decoder=True)
    path = tmp_path / "refined.safetensors"
    save(net.eval(), path, trained=True)
    embedder = Embedder(path, "cpu")
    assert embedder.network.decoder is None  # until it is asked for
    found = embedder.refiner
    assert found is not None
    for key, value in net.decoder.refiner.state_dict().items():
        assert torch.equal(found.state_dict()[key], value), key


@pytest.mark.parametrize("refiner", [-1, 5000, 8.0, "8", True])
def test_a_refiner_that_cannot_be_is_refused(refiner):
    with pytest.raises(ValueError, match="refiner"):
        _config(refiner=refiner)


def test_a_checkpoint_that_brings_a_mesh_decoder_is_drawn_with_it(tmp_path):
    torch.manual_seed(0)
    sequence = _sequence(2)
    net = MeshGait(_config(mesh_decoder="confidence"))
    torch.nn.init.normal_(net.heatmaps.to_volumes.weight)
    decoder = net.build_decoder(torch.from_numpy(open_body.marker_decoder()[:, :7].copy()))
    torch.nn.init.normal_(decoder.correction.bias, std=0.1)
    path = tmp_path / "learned.safetensors"
    save(net.eval(), path, trained=True)
    embedder = Embedder(path, "cpu")
    with pytest.MonkeyPatch.context() as patch:  # a body of 7 vertices: 6890 would be 54 M parameters
        patch.setattr(open_body, "marker_decoder", lambda: decoder.base.numpy())
        body = embedder.reconstruct(sequence)
    with torch.no_grad():
        expected = net.reconstruct(torch.from_numpy(sequence.cropped / np.float32(255))[None])
    np.testing.assert_allclose(body.vertices, expected.vertices.numpy(), atol=1e-5)
    assert not np.allclose(body.vertices, np.einsum("tmc,mv->tvc", body.markers, decoder.base.numpy()))


@pytest.mark.parametrize("what", ["points", "reconstruct", "volumes"])
def test_a_network_without_a_3d_branch_shows_no_body(tmp_path, what):
    embedder = Embedder(_checkpoint(tmp_path, fusion="silhouette"), "cpu")
    with pytest.raises(RenderError, match="no 3-D branch"):
        getattr(embedder, what)(_sequence(2))


@pytest.mark.parametrize("what", ["points", "reconstruct", "volumes"])
def test_an_empty_sequence_shows_no_body(tiny, what):
    with pytest.raises(SilhouetteError, match="no silhouettes"):
        getattr(Embedder(tiny, "cpu"), what)(_sequence(0))


def test_an_empty_sequence_has_no_embedding(tiny):
    with pytest.raises(SilhouetteError, match="no silhouettes"):
        Embedder(tiny, "cpu").embed([_sequence(3), _sequence(0)])


def test_a_device_that_is_not_there_is_said(tiny):
    with pytest.raises(DeviceError):
        Embedder(tiny, "tpu")
    assert Embedder(tiny, torch.device("cpu")).device.type == "cpu"
