"""Traits: the same for a person however they are drawn, and for their mirror image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meshgait_cli.body.reflection import JOINT_MIRROR
from meshgait_cli.synth.walkers import make_identity
from meshgait_cli.training.traits import TRAITS, traits, traits_of


def test_traits_are_standardised_over_the_population():
    told = traits(1, np.arange(60))
    assert told.shape == (60, TRAITS)
    np.testing.assert_allclose(told.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(told.std(0), 1, atol=1e-3)


def test_a_mirrored_walk_has_the_same_traits():
    identity = make_identity(1, 4)
    style = identity.style
    mirrored = replace(
        style,
        gain=style.gain[list(JOINT_MIRROR)],
        lag=style.lag[list(JOINT_MIRROR)],
        offset=style.offset[list(JOINT_MIRROR)] * [1, -1, -1],
    )
    np.testing.assert_allclose(traits_of(replace(identity, style=mirrored)), traits_of(identity), atol=1e-6)
