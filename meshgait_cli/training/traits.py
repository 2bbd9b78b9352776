"""What makes a synthetic person that person, as numbers a network can be asked for.

Shape numbers and manners of walking persist through every change of clothes, view and fault, and here they
are known. To regress them is a steadier teacher than telling people apart, and it never rewards clothes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..synth.motion import ARMS, LEGS, TRUNK
from ..synth.walkers import Identity, make_identity

__all__ = ["TRAITS", "traits", "traits_of"]

TRAITS = 43  # 32 of shape, 11 of manner


def traits_of(identity: Identity) -> NDArray[np.float32]:
    """TRAITS raw numbers, the same for the person and the person's mirror image."""
    style = identity.style
    offset = style.offset
    manner = [
        style.cadence,
        style.speed,
        style.gain[[LEGS[0][0], LEGS[1][0]]].mean(),
        style.gain[[4, 5]].mean(),
        style.gain[[ARMS[0][0], ARMS[1][0]]].mean(),
        style.gain[TRUNK[1]],
        offset[[3, 6, 9], 0].sum(),  # stoop
        offset[[12, 15], 0].sum(),  # head
        offset[1, 1] - offset[2, 1],  # toes out
        offset[16, 2] - offset[17, 2],  # arms from the body
        offset[19, 1] - offset[18, 1],  # elbows bent
    ]
    return np.concatenate([identity.betas, manner]).astype(np.float32)


def traits(seed: int, numbers: NDArray[np.integer]) -> NDArray[np.float32]:
    """N×TRAITS for people `numbers` of population `seed`, each trait of nought mean and unit spread."""
    raw = np.stack([traits_of(make_identity(seed, int(number))) for number in numbers])
    return (raw - raw.mean(0)) / np.maximum(raw.std(0), 1e-6)
