"""The 3-D body that the network sees in a piece of a walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..records import SilhouetteSequence
from ..render.skin import see
from .motion import Motion
from .phase import Stretch, seconds_of

if TYPE_CHECKING:
    from ..network.embed import Embedder
    from ..render.skin import Skin

__all__ = ["motion_of"]

_AROUND = 8  # frames before and after, by which those that are shown are corrected
_RATE = 24.0  # frames a second that are kept; the viewer mixes between them


def motion_of(sequence: SilhouetteSequence, stretch: Stretch, embedder: Embedder, skin: Skin) -> Motion:
    """Decode, correct over the walk (`render.skin.see`), and put the skin on.

    Raises RenderError when the network has no 3-D branch.
    """
    first, last = int(stretch.rows[0]), int(stretch.rows[-1])
    window = slice(max(0, first - _AROUND), min(len(sequence), last + _AROUND + 1))
    part = SilhouetteSequence(
        sequence.silhouettes[window],
        sequence.frames[window],
        sequence.times[window],
        sequence.transform[window],
    )
    seen = see(part, seconds_of(sequence)[window], embedder)
    kept = _kept(stretch.seconds)
    rows = stretch.rows[kept] - window.start
    vertices = skin.wear(seen)(rows) * np.array([1, -1, -1], np.float32)
    vertices = vertices - np.array([0, np.median(vertices[..., 1].min(1)), 0])
    shown = stretch.seconds[kept]
    lasting = stretch.steps / stretch.cadence if stretch.phase is not None else float(shown[-1]) + 1 / _RATE
    return Motion(vertices.astype(np.float32), shown, lasting)


def _kept(seconds: NDArray[np.float64]) -> NDArray[np.intp]:
    due, kept = -np.inf, []
    for row, second in enumerate(seconds):
        if second >= due - 1e-6:
            kept.append(row)
            due = second + 1 / _RATE
    return np.array(kept, np.intp)
