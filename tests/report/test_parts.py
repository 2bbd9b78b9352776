"""Where two walks agree, against what strangers have there."""

from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.distance import part_distance
from meshgait_cli.report.parts import EVEN, FAR, NEAR, agreement, colour


def _hex(rgb):
    return "#" + "".join(f"{value:02x}" for value in rgb)


@pytest.fixture
def query(rng):
    return rng.standard_normal((16, 32)).astype(np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_parts_that_are_alike_agree_and_the_others_do_not(query, rng):
    others = rng.standard_normal((30, 16, 32)).astype(np.float32)
    candidate = others[0].copy()
    candidate[:8] = query[:8] + 0.1
    candidate[12:] = query[12:] + 3
    found = agreement(query, candidate, others[1:])
    assert (found.agreement[:8] > 3).all()
    assert np.abs(found.agreement[8:12]).max() < 3
    assert (found.agreement[12:] < -3).all()
    assert found.distances.mean() == pytest.approx(part_distance(query, candidate[None])[0], rel=1e-5)


def test_with_two_others_nobody_knows_what_is_usual(query, rng):
    found = agreement(query, query + 1, rng.standard_normal((2, 16, 32)).astype(np.float32))
    assert np.isnan(found.usual).all()
    assert not found.agreement.any()


@pytest.mark.parametrize(("value", "expected"), [(9.0, NEAR), (0.0, EVEN), (-9.0, FAR), (3.0, NEAR)])
def test_colours(value, expected):
    assert colour(value) == _hex(expected)
