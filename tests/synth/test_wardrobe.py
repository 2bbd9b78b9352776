"""What a person keeps on from one day to another."""

from __future__ import annotations

import numpy as np

from meshgait_cli.synth.clothes import FEET, SHINS, THIGHS, TORSO
from meshgait_cli.synth.wardrobe import CHANGED, OUTFITS, sample_wardrobe

HEAD = 15


def _wardrobes(count: int = 200):
    return [sample_wardrobe(np.random.default_rng([7, number])) for number in range(count)]


def _hair(outfit) -> int:
    """Points that ride on the head: hair, and hats and hoods where there are any."""
    return sum(len(cloud.points) for cloud in outfit.clouds if cloud.joint == HEAD)


def test_every_wardrobe_has_its_outfits_and_is_the_same_for_the_same_seed():
    for mine, again in zip(_wardrobes(5), _wardrobes(5), strict=True):
        assert len(mine) == OUTFITS
        for one, other in zip(mine, again, strict=True):
            np.testing.assert_array_equal(one.thickness, other.thickness)


def test_a_coat_goes_over_the_usual_clothes():
    legs = [*THIGHS, *SHINS, *FEET]
    for usual, coat, *_ in _wardrobes():
        assert (coat.thickness[list(TORSO)] > usual.thickness[list(TORSO)]).all()
        np.testing.assert_array_equal(coat.thickness[legs], usual.thickness[legs])
        assert coat.drapes[:-1] == usual.drapes
        assert coat.clouds == usual.clouds


def test_another_top_leaves_the_legs_as_they_were():
    legs = [*THIGHS, *SHINS, *FEET]
    for usual, _, top, *_ in _wardrobes():
        np.testing.assert_array_equal(top.thickness[legs], usual.thickness[legs])
        skirts = [[d for d in outfit.drapes if d.top < 1.2] for outfit in (usual, top)]
        assert skirts[0] == skirts[1]


def test_changed_clothes_share_nothing_but_hair_and_that_mostly_stays():
    different = kept = 0
    wardrobes = _wardrobes()
    for usual, *others in wardrobes:
        changed = others[CHANGED - 1]
        different += not np.allclose(usual.thickness, changed.thickness, atol=1e-3)
        kept += _hair(usual) == _hair(changed)
    assert different == len(wardrobes)
    assert kept > 0.6 * len(wardrobes)  # hats and hoods come and go
