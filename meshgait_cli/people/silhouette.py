"""Masks to 64×64 silhouettes, exactly as OpenGait pre-treats them, and the way back to the picture.

Coordinates are pixel edges: the top-left corner of the top-left pixel is (0, 0), its centre (0.5, 0.5).
The description followed is OpenGait's pre-treatment for GREW, Gait3D and CASIA-B (see docs/silhouettes.md);
the code is our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import SilhouetteError
from ..records import HEIGHT

__all__ = ["MIN_MASS", "NormalisedSilhouette", "normalise", "to_picture"]

MIN_MASS = 10_000  # sum of pixel values of a 0-255 mask; at most this is "nearly empty": 39 white pixels
HALF = HEIGHT // 2  # columns kept on either side of the centre column


@dataclass(frozen=True, slots=True, eq=False)
class NormalisedSilhouette:
    """One silhouette and where it was cut from.

    silhouette: 64×64 uint8, person white, grey edges kept. A point (x, y) of the mask lies at column
    scale·(x − left) and row scale·(y − top) of the silhouette.
    """

    silhouette: NDArray[np.uint8]
    scale: float
    left: float
    top: float

    def in_picture(self, left: float, top: float, pixel: float) -> tuple[float, float, float]:
        """The transform (scale, left, top) from the picture, for a mask that was cut from it.

        left, top: where the mask's top-left corner lies in the picture. pixel: picture pixels a mask pixel.
        """
        return self.scale / pixel, left + pixel * self.left, top + pixel * self.top


def normalise(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> NormalisedSilhouette | None:
    """H×W mask (bool, or uint8 as 0/1 or 0-255 with grey edges) to a 64×64 silhouette.

    Returns None for a mask that is nearly empty. The non-empty rows are cropped and resized (cubic) to
    64 rows, the width to int(64·W/rows) columns; the centre is the first column at which the cumulative
    mass passes half; 32 columns are kept to its left and 32 from it on, zero-padded.

    The width is rounded down, so the horizontal scale is smaller than `scale` by less than one column
    over the whole mask; `left` makes the centre column exact.

    Raises SilhouetteError when the mask is not a two-dimensional bool or uint8 array.
    """
    grey = _as_grey(mask)
    if not grey.size or cv2.sumElems(grey)[0] <= MIN_MASS:
        return None
    _, top, _, tall = cv2.boundingRect(grey)
    person = grey[top : top + tall]
    scale = HEIGHT / tall
    width = max(1, HEIGHT * person.shape[1] // tall)
    resized = cv2.resize(person, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
    cumulative = cv2.reduce(resized, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0].cumsum(dtype=np.int64)
    if cumulative[-1] == 0:  # specks that vanished between the samples of the resize
        return None
    centre = int(np.argmax(cumulative * 2 > cumulative[-1]))
    silhouette = np.zeros((HEIGHT, HEIGHT), np.uint8)
    first, last = max(0, centre - HALF), min(width, centre + HALF)
    silhouette[:, first + HALF - centre : last + HALF - centre] = resized[:, first:last]
    left = centre * person.shape[1] / width - HALF / scale
    return NormalisedSilhouette(silhouette, scale, left, float(top))


def _as_grey(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    if mask.ndim != 2:
        raise SilhouetteError(f"a mask must be H×W, not {mask.shape}: give one mask at a time")
    if mask.dtype == np.bool_ or (mask.dtype == np.uint8 and mask.size and mask.max() == 1):
        return mask.astype(np.uint8) * np.uint8(255)
    if mask.dtype != np.uint8:
        raise SilhouetteError(f"a mask must be bool or uint8 (0/1 or 0-255), not {mask.dtype}: convert it")
    return np.asarray(mask)


def to_picture(points: NDArray[np.floating], transform: NDArray[np.floating]) -> NDArray[np.float32]:
    """Silhouette points (column, row), T×N×2, to picture points (x, y), T×N×2 float32.

    transform: T×3 (scale, left, top) as in `records.SilhouetteSequence`. A NaN transform gives NaN points.
    """
    transform = np.asarray(transform, dtype=np.float64)
    scaled = np.asarray(points, dtype=np.float64) / transform[:, None, :1]
    return (scaled + transform[:, None, 1:]).astype(np.float32)
