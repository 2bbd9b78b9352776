"""One colour a track, the same in every picture."""

from __future__ import annotations

import colorsys

__all__ = ["track_colour"]

_GOLDEN = 0.618034  # steps of the golden ratio keep any number of hues apart


def track_colour(track: int) -> tuple[int, int, int]:
    """A bright RGB colour (0-255) for a track number."""
    red, green, blue = colorsys.hsv_to_rgb((0.09 + (track - 1) * _GOLDEN) % 1.0, 0.72, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)
