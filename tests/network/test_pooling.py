"""Pooling over time and over strips."""

from __future__ import annotations

import torch

from meshgait_cli.network.pooling import frame_mask, horizontal_pool, temporal_pool


def test_temporal_pooling_is_the_maximum_over_time():
    maps = torch.zeros(1, 1, 5, 2, 2)
    maps[0, 0, 3, 1, 0] = 7.0
    assert temporal_pool(maps).tolist() == [[[[0.0, 0.0], [7.0, 0.0]]]]


def test_padding_never_wins_the_maximum():
    maps = torch.full((2, 3, 4, 16, 11), -1.0)
    maps[0, :, 2:] = 9.0  # padding of the first sequence
    pooled = temporal_pool(maps, frame_mask(torch.tensor([2, 4]), 4))
    assert (pooled == -1.0).all()


def test_a_constant_map_gives_mean_plus_maximum():
    strips = horizontal_pool(torch.full((2, 3, 16, 11), 1.5))
    assert strips.shape == (2, 3, 16)
    assert (strips == 3.0).all()


def test_a_strip_sees_its_own_rows_only():
    maps = torch.zeros(1, 1, 32, 4)
    maps[0, 0, 6:8] = 1.0
    strips = horizontal_pool(maps)
    assert strips[0, 0].tolist() == [2.0 if part == 3 else 0.0 for part in range(16)]


def test_pooling_acts_on_each_channel_by_itself():
    """So that concatenating two branches after pooling is the same as before, whatever their widths."""
    one, two = torch.rand(1, 2, 3, 16, 8), torch.rand(1, 5, 3, 16, 8)
    together = horizontal_pool(temporal_pool(torch.cat([one, two], 1)))
    apart = torch.cat([horizontal_pool(temporal_pool(each)) for each in (one, two)], 1)
    torch.testing.assert_close(together, apart)
