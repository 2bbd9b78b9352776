"""How well a body fills a silhouette, as a number that can be minimised."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Outline"]

CONTOUR = 64  # points of each outline that a body should reach
REACH = 0.08  # silhouette heights; what is farther from the body than that is a bag, a skirt, long hair


class Outline:
    """T silhouettes, T×64×64 uint8, to hold bodies against."""

    def __init__(self, silhouettes: NDArray[np.uint8]) -> None:
        side = silhouettes.shape[1]
        solid = silhouettes > 127
        # Distance to the silhouette, 0 within; 1 is its height.
        away = [cv2.distanceTransform((~one).astype(np.uint8), cv2.DIST_L2, 5) / side for one in solid]
        self.away = torch.from_numpy(np.stack(away).astype(np.float32))[:, None]
        self.contour = torch.from_numpy(np.stack([_contour(one) for one in solid]))

    def errors(self, surface: Tensor) -> tuple[Tensor, Tensor]:
        """surface: T×N×2, points of the body, x and y from the silhouette's centre in its heights. Returns
        the mean square distance of those outside, and the robust mean square by which the outline is not
        reached."""
        # grid_sample's -1 and 1 are the picture's edges, ours -0.5 and 0.5.
        away = F.grid_sample(self.away, 2 * surface[:, :, None], padding_mode="border", align_corners=False)
        distance = torch.cdist(self.contour, surface).amin(2)
        square = distance.square()
        bare = square * REACH**2 / (square + REACH**2)  # Geman and McClure
        return away.square().mean(), bare.mean()


def _contour(solid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """CONTOUR×2: points evenly along the largest outline, from the centre, in heights."""
    side = len(solid)
    lines, _ = cv2.findContours(solid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not lines:
        return np.zeros((CONTOUR, 2), np.float32)
    longest = max(lines, key=len)[:, 0].astype(np.float32)
    even = longest[np.linspace(0, len(longest), CONTOUR, endpoint=False).astype(int)]
    return np.asarray((even + 0.5) / side - 0.5, np.float32)
