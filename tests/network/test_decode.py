"""Volumes to points and mesh: known volumes to known places."""

from __future__ import annotations

import pytest
import torch

from meshgait_cli.network.decode import POINTS, BodyDecoder, locate


def _peak(size: int, z: int, y: int, x: int, height: float = 10.0) -> torch.Tensor:
    volumes = torch.zeros(1, 1, size, size, size)
    volumes[0, 0, z, y, x] = height
    return volumes


@pytest.mark.parametrize("size", [8, 16, 32])
def test_a_peak_is_found_where_it_is_in_x_y_z(size):
    positions, confidences = locate(_peak(size, 0, size - 1, 3))
    expected = torch.tensor([3 / (size - 1) - 0.5, 0.5, -0.5])
    torch.testing.assert_close(positions[0, 0], expected)
    assert confidences.item() == pytest.approx(1.0, abs=1e-3)


def test_every_corner_can_be_reached():
    """Soles of the feet lie at +0.5: a grid of i/n - 0.5 would stop short of them."""
    for corner in ((0, 0, 0), (15, 15, 15), (0, 15, 0), (15, 0, 15)):
        positions, _ = locate(_peak(16, *corner))
        expected = torch.tensor([(index / 15) - 0.5 for index in reversed(corner)])
        torch.testing.assert_close(positions[0, 0], expected)


def test_two_equal_neighbours_are_met_half_way():
    volumes = _peak(16, 7, 7, 4) + _peak(16, 7, 7, 5)
    positions, confidences = locate(volumes)
    assert positions[0, 0, 0].item() == pytest.approx(4.5 / 15 - 0.5, abs=1e-5)
    assert confidences.item() == pytest.approx(0.5, abs=1e-3)  # interpolated between 0.5 and 0.5


def test_a_confidence_is_interpolated_between_voxels():
    """Three quarters and one quarter, read a quarter of the way between them."""
    volumes = torch.zeros(1, 1, 8, 8, 8)
    volumes[0, 0, 2, 3, 4] = 5.0 + torch.log(torch.tensor(3.0)) / 15
    volumes[0, 0, 2, 3, 5] = 5.0
    positions, confidences = locate(volumes)
    assert positions[0, 0, 0].item() == pytest.approx(4.25 / 7 - 0.5, abs=1e-5)
    assert confidences.item() == pytest.approx(0.75 * 0.75 + 0.25 * 0.25, abs=1e-4)


def test_a_flat_volume_is_the_middle_without_confidence():
    positions, confidences = locate(torch.full((2, 3, 16, 16, 16), 4.0))
    assert positions.abs().max() < 1e-5
    torch.testing.assert_close(confidences, torch.full((2, 3), 16.0**-3))


def test_alpha_sharpens():
    soft = locate(_peak(8, 1, 1, 1, height=0.5), alpha=1.0)[1]
    hard = locate(_peak(8, 1, 1, 1, height=0.5), alpha=15.0)[1]
    assert hard > 5 * soft


def test_the_mesh_is_the_markers_combined():
    matrix = torch.zeros(64, 3)
    matrix[10, 0] = 1.0
    matrix[20:22, 1] = 0.5
    matrix[63, 2] = 1.0
    body = BodyDecoder(matrix)(torch.randn(2, POINTS, 8, 8, 8))
    assert body.joints.shape == (2, 24, 3)
    assert body.confidences.shape == (2, 88)
    torch.testing.assert_close(body.vertices[:, 0], body.markers[:, 10])
    torch.testing.assert_close(body.vertices[:, 1], body.markers[:, 20:22].mean(1))
    torch.testing.assert_close(body.vertices[:, 2], body.markers[:, 63])


def test_without_a_body_there_are_no_vertices():
    decoder = BodyDecoder(None)
    assert decoder(torch.randn(2, POINTS, 8, 8, 8)).vertices.shape == (2, 0, 3)
    assert decoder.state_dict() == {}


def test_a_new_confidence_decoder_changes_nothing_and_learns():
    torch.manual_seed(0)
    matrix = torch.rand(64, 5)
    volumes = torch.randn(2, POINTS, 8, 8, 8)
    decoder = BodyDecoder(matrix, mesh="confidence")
    torch.testing.assert_close(decoder(volumes).vertices, BodyDecoder(matrix)(volumes).vertices)
    decoder(volumes).vertices.square().mean().backward()
    assert decoder.correction is not None
    assert decoder.correction.weight.grad is not None
    assert decoder.correction.weight.grad.any()


def test_the_confidence_decoder_of_the_paper_has_54_million_parameters():
    with torch.device("meta"):
        decoder = BodyDecoder(None, mesh="confidence", vertices=6890)
    assert sum(p.numel() for p in decoder.parameters()) / 1e6 == pytest.approx(54.0, abs=0.1)


@pytest.mark.parametrize("mesh", ["linear", "confidence"])
def test_the_mesh_loss_reaches_the_volumes_unless_detached(mesh):
    matrix = torch.rand(64, 5)
    volumes = torch.randn(1, POINTS, 8, 8, 8, requires_grad=True)
    BodyDecoder(matrix, mesh=mesh)(volumes).vertices.square().sum().backward()
    assert volumes.grad is not None
    assert volumes.grad[:, 24:].any()

    volumes = torch.randn(1, POINTS, 8, 8, 8, requires_grad=True)
    body = BodyDecoder(matrix, mesh=mesh, detach_before_mesh=True)(volumes)
    assert mesh == "confidence" or not body.vertices.requires_grad
    (body.vertices.square().sum() + 0.0 * body.joints.sum()).backward()
    assert volumes.grad is not None
    assert not volumes.grad.any()


def test_a_joint_depends_on_its_own_volume_only():
    volumes = torch.randn(1, POINTS, 8, 8, 8, requires_grad=True)
    BodyDecoder(None)(volumes).joints[0, 3].sum().backward()
    assert volumes.grad is not None
    reached = volumes.grad.flatten(2).any(-1)[0].nonzero().flatten()
    assert reached.tolist() == [3]


@pytest.mark.parametrize("matrix", [torch.rand(63, 5), torch.rand(64)])
def test_a_wrong_marker_decoder_is_refused(matrix):
    with pytest.raises(ValueError, match="64×V"):
        BodyDecoder(matrix)
