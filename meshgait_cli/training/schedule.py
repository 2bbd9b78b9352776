"""How fast is learned, and how much of it is kept, step by step."""

from __future__ import annotations

import math

__all__ = ["averaging", "half_cosine"]


def half_cosine(step: int, steps: int, warmup: int) -> float:
    """What the peak learning rate is multiplied by: up over `warmup` steps, down over all."""
    return min(1.0, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * step / steps))


def averaging(decay: float, step: int) -> float:
    """The decay of the averaged weights: less at first, so that what they began with is soon forgotten."""
    return min(decay, (1 + step) / (10 + step))
