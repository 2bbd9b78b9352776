"""What one person wears on different days.

People who are filmed twice have rarely changed everything: most keep their hair, many only put a coat on, or
another shirt to the same trousers. A network that is to know them has to learn what in an outline to trust.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .clothes import FEET, SHINS, THIGHS, TORSO, UPPER_ARMS, Drape, Outfit, sample_hair, sample_outfit

__all__ = ["CHANGED", "COAT", "OUTFITS", "sample_wardrobe"]

OUTFITS = 5  # usual clothes; the same under a coat; with another top; two that share nothing but hair
COAT, CHANGED = 1, 3  # number of the coat, and of the first that shares nothing
_KEPT = 0.85  # chance that hair is worn as usual
_LEGS = (*THIGHS, *SHINS, *FEET)


def sample_wardrobe(rng: np.random.Generator) -> tuple[Outfit, ...]:
    """OUTFITS outfits of one person."""
    hair = sample_hair(rng)
    fresh = [
        sample_outfit(rng, hair if rng.random() < _KEPT else sample_hair(rng)) for _ in range(OUTFITS - 1)
    ]
    usual, other, *changed = fresh
    return (usual, _under_a_coat(rng, usual), _with_the_legs_of(usual, other), *changed)


def _under_a_coat(rng: np.random.Generator, outfit: Outfit) -> Outfit:
    thick = outfit.thickness.copy()
    over = rng.uniform(0.012, 0.04)
    thick[list(TORSO)] += over
    thick[list(UPPER_ARMS)] += over * rng.uniform(0.4, 0.8)
    coat = Drape(1.45, rng.uniform(0.3, 0.95), rng.uniform(0.98, 1.2))
    return replace(outfit, thickness=thick, drapes=(*outfit.drapes, coat))


def _with_the_legs_of(usual: Outfit, other: Outfit) -> Outfit:
    """The other top to the usual trousers or skirt, and shoes."""
    thick = other.thickness.copy()
    thick[list(_LEGS)] = usual.thickness[list(_LEGS)]
    drapes = (*(d for d in usual.drapes if _is_skirt(d)), *(d for d in other.drapes if not _is_skirt(d)))
    return replace(other, thickness=thick, cuff=usual.cuff, drapes=drapes)


def _is_skirt(drape: Drape) -> bool:
    return drape.top < 1.2
