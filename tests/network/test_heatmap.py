"""HRNet volumes, and the branch that reads them."""

from __future__ import annotations

import pytest
import torch

from meshgait_cli.network.heatmap import HeatmapEstimator
from meshgait_cli.network.volumes import VolumeFeatures

POINTS = 5


@pytest.mark.parametrize("size", [8, 16, 32])
@pytest.mark.parametrize("squeeze", [0, 12])
def test_volumes_are_cubes_and_f1_has_16_rows(size, squeeze):
    heatmaps = HeatmapEstimator("tiny", POINTS, size, squeeze).eval()
    branch = VolumeFeatures(POINTS, size, (4, 8, 6)).eval()
    with torch.no_grad():
        maps = heatmaps.maps(torch.rand(2, 1, 3, 64, 44))
        assert heatmaps.volumes(maps).shape == (6, POINTS, size, size, size)
        f1 = branch(heatmaps.mixed(maps, branch.mix))
    assert f1.shape[:3] == (6, 6, 16)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_mixing_before_the_volumes_is_mixing_the_volumes(size):
    torch.manual_seed(0)
    heatmaps = HeatmapEstimator("tiny", POINTS, size).eval()
    torch.nn.init.normal_(heatmaps.to_volumes.bias)
    mix = torch.randn(3, POINTS)
    with torch.no_grad():
        maps = heatmaps.maps(torch.rand(1, 1, 2, 64, 44))
        volumes = heatmaps.volumes(maps)
        torch.testing.assert_close(
            heatmaps.mixed(maps, mix), torch.einsum("mj,njdhw->nmdhw", mix, volumes), atol=1e-4, rtol=1e-4
        )


def test_some_volumes_are_what_they_are_among_all():
    heatmaps = HeatmapEstimator("tiny", POINTS, 8, squeeze=12).eval()
    torch.nn.init.normal_(heatmaps.to_volumes.bias)
    some = torch.tensor([1, 4])
    with torch.no_grad():
        maps = heatmaps.maps(torch.rand(1, 1, 2, 64, 44))
        whole = heatmaps.volumes(maps)
        torch.testing.assert_close(heatmaps.volumes(maps, some), whole[:, some], atol=1e-5, rtol=1e-5)


def test_each_volume_has_weights_of_its_own():
    heatmaps = HeatmapEstimator("tiny", POINTS, 16).eval()
    with torch.no_grad():
        heatmaps.to_volumes.weight.zero_()
        heatmaps.to_volumes.bias.copy_(torch.arange(16 * POINTS))
        volumes = heatmaps(torch.rand(1, 1, 1, 64, 44))
    assert volumes[0, 2, 3].unique().tolist() == [3 * POINTS + 2]


def test_x_and_y_of_the_volumes_follow_the_picture():
    """Something in the picture's lower left moves the volumes most in their lower left.

    Random weights displace it a little, each in its own way: hence the sum over several networks.
    """
    dark = torch.zeros(1, 1, 1, 64, 44)
    lit = dark.clone()
    lit[..., 52:56, 2:6] = 1.0  # columns 12 to 15 of 64: the fourth voxel
    moved = torch.zeros(16, 16)
    for seed in range(8):
        torch.manual_seed(seed)
        heatmaps = HeatmapEstimator("tiny", POINTS, 16).eval()
        with torch.no_grad():
            moved += (heatmaps(lit) - heatmaps(dark)).square().sum((0, 1, 2))
    row, column = divmod(int(moved.argmax()), 16)
    assert abs(row - 13) <= 1
    assert abs(column - 3) <= 1  # without its padding, or with all of it on one side, it would be 2.5 off


@pytest.mark.parametrize("squeeze", [0, 12])
def test_no_parameter_is_dead(squeeze):
    heatmaps = HeatmapEstimator("tiny", POINTS, 16, squeeze)
    branch = VolumeFeatures(POINTS, 16, (4, 8, 6))
    branch(heatmaps.mixed(heatmaps.maps(torch.rand(2, 1, 2, 64, 44)), branch.mix)).square().mean().backward()
    for module in (heatmaps, branch):
        dead = [name for name, p in module.named_parameters() if p.grad is None]
        assert dead == []


def test_f1_feels_depth():
    """The same volume turned back to front gives other features: depth is not just averaged away."""
    torch.manual_seed(0)
    branch = VolumeFeatures(POINTS, 16, (4, 8, 6)).eval()
    mixed = torch.randn(1, 4, 16, 16, 16)
    assert not torch.allclose(branch(mixed), branch(mixed.flip(2)), atol=1e-3)


def test_unknown_backbones_and_sizes_are_refused():
    with pytest.raises(ValueError, match="unknown HRNet"):
        HeatmapEstimator("w49", POINTS)
    with pytest.raises(ValueError, match="8, 16 or 32"):
        HeatmapEstimator("tiny", POINTS, 12)
