"""Few sizes of batches, whatever the number of people."""

from __future__ import annotations

import pytest
import torch

from meshgait_cli.people.parcels import parcels


@pytest.mark.parametrize("device", ["cpu", "cuda", "meta"])
@pytest.mark.parametrize("count", [0, 1, 3, 8, 13, 131])
def test_everything_comes_once_and_in_order(device, count):
    found = [index for some in parcels(count, torch.device(device)) for index in range(count)[some]]
    assert found == list(range(count))


def test_on_a_cpu_three_sizes_are_all_that_is_ever_seen():
    lengths = {some.stop - some.start for count in range(40) for some in parcels(count, torch.device("cpu"))}
    assert lengths == {1, 2, 4}


def test_none_is_longer_than_asked():
    lengths = [some.stop - some.start for some in parcels(21, torch.device("cuda"), 8)]
    assert lengths == [8, 8, 4, 1]
