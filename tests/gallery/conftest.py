from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.records import GaitEmbedding

Make = Callable[..., list[GallerySequence]]


@pytest.fixture
def people() -> Make:
    """people(count, each=2, seed=0, spread=0.3): `count` people, each one a point, each sequence of theirs
    near it; 16×8 numbers, named p0, p1, …"""

    def make(
        count: int, each: int = 2, seed: int = 0, spread: float = 0.3, model: str = "net@1", prefix: str = "p"
    ) -> list[GallerySequence]:
        rng = np.random.default_rng(seed)
        found = []
        for number in range(count):
            centre = rng.standard_normal((16, 8))
            for take in range(each):
                values = (centre + spread * rng.standard_normal((16, 8))).astype(np.float32)
                embedding = GaitEmbedding(values, model, True, 60, 0.8)
                name = f"{prefix}{number}"
                found.append(GallerySequence(name, f"take {take}", embedding, source=f"{seed}/{name}/{take}"))
        return found

    return make
