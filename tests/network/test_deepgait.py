"""The 2-D trunk: shapes, what one frame sees, and padding."""

from __future__ import annotations

import pytest
import torch

from meshgait_cli.network.deepgait import DeepGait

SMALL = (4, 8, 8, 16)


def _trunk(blocks: str, layers=(1, 1, 1, 1), **options) -> DeepGait:
    torch.manual_seed(0)
    trunk = DeepGait(blocks, layers, SMALL, **options).eval()
    for module in trunk.modules():  # or a batch norm's zero mean hides what padding does
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
            torch.nn.init.uniform_(module.bias, 0.1, 0.5)
    return trunk


@pytest.mark.parametrize("blocks", ["2d", "p3d", "3d"])
@pytest.mark.parametrize("layers", [(1, 1, 1, 1), (1, 4, 4, 1)])
@pytest.mark.parametrize("stem_stride", [1, 2])
def test_f0_keeps_time_and_has_16_rows_and_11_columns(blocks, layers, stem_stride):
    with torch.no_grad():
        f0 = _trunk(blocks, layers, stem_stride=stem_stride)(torch.rand(2, 1, 3, 64, 44))
    assert f0.shape == (2, 16, 3, 16, 11)


@pytest.mark.parametrize(
    ("blocks", "layers", "radius"),
    [("2d", (1, 4, 4, 1), 0), ("p3d", (1, 1, 1, 1), 3), ("p3d", (1, 4, 4, 1), 9), ("3d", (1, 1, 1, 1), 6)],
)
def test_a_frame_is_seen_exactly_as_far_as_the_radius(blocks, layers, radius):
    trunk = _trunk(blocks, layers)
    assert trunk.radius == radius
    silhouettes = torch.rand(1, 1, 2 * radius + 5, 64, 44)
    middle = radius + 2
    with torch.no_grad():
        before = trunk(silhouettes)
        silhouettes[:, :, middle] = 1 - silhouettes[:, :, middle]
        after = trunk(silhouettes)
    moved = (before - after).abs().amax((0, 1, 3, 4)) > 0
    far = (torch.arange(len(moved)) - middle).abs() > radius
    assert not moved[far].any()
    assert moved[middle]
    if radius:
        assert moved[middle - 1]
        assert moved[middle + 1]


@pytest.mark.parametrize("blocks", ["2d", "p3d", "3d"])
def test_padding_changes_nothing(blocks):
    trunk = _trunk(blocks)
    sequence = torch.rand(1, 1, 4, 64, 44)
    padded = torch.cat([sequence, torch.rand(1, 1, 3, 64, 44)], dim=2)  # not zeros: the mask must do it
    keep = torch.arange(7)[None] < 4
    with torch.no_grad():
        torch.testing.assert_close(trunk(padded, keep)[:, :, :4], trunk(sequence), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("blocks", ["2d", "p3d", "3d"])
def test_every_parameter_learns(blocks):
    trunk = _trunk(blocks).train()
    trunk(torch.rand(2, 1, 3, 64, 44)).square().mean().backward()
    assert [name for name, p in trunk.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("options", [{"blocks": "4d"}, {"layers": (1, 1, 1)}, {"stem_stride": 3}])
def test_what_cannot_be_built_says_so(options):
    with pytest.raises(ValueError, match=r"unknown block|four stages"):
        DeepGait(**options)
