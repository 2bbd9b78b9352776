"""The two bodies behind one outline, and which of them a person is over time.

From far away a silhouette is the same for a body and for its reflection in the picture's plane, in which
left and right change names and near and far change places: a left leg in front looks like a right leg
behind. A network that sees one silhouette at a time picks one of the two, and changes its mind from frame
to frame; a person does not jump, so over time the choice settles itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["JOINT_MIRROR", "MIRROR", "mirrored_points", "reflected", "reflected_points", "settle"]

JOINT_MIRROR = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)
MOVES = 2.0  # how much moving counts beside being far from where one should be
# The 24 joints, then the 64 markers (marker i and i + 32 are a pair): whose place each takes in a mirror.
MIRROR = (*JOINT_MIRROR, *range(56, 88), *range(24, 56))


def reflected(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """…×88×3 points (joints, then markers; z away from the camera) of the other body with this outline."""
    return points[..., list(MIRROR), :] * np.array([1, 1, -1], np.float32)


def mirrored_points(points: Tensor) -> Tensor:
    """…×88×3 points of the picture flipped left to right: x negated, left and right change names."""
    return points[..., list(MIRROR), :] * points.new_tensor([-1.0, 1.0, 1.0])


def reflected_points(points: Tensor) -> Tensor:
    """…×88×3 points of the other body with the same outline: reflected in the picture's plane.

    From far away the two cannot be told apart by any silhouette: a left leg in front looks like a right
    leg behind, coming like going.
    """
    return points[..., list(MIRROR), :] * points.new_tensor([1.0, 1.0, -1.0])


def settle(
    points: NDArray[np.float32], near: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Choose in each frame between the body and its reflection so that the person moves least, and, where
    `near` is given, keeps close to that.

    points, near: T×88×3. Returns T×88×3, and T bool: which frames were reflected. Without `near`, of the two
    choices for the whole sequence, which move alike, the one that reflects fewer frames is taken: the frames'
    own majority.
    """
    frames = len(points)
    if frames < 2 and near is None:
        return points, np.zeros(frames, bool)
    both = np.stack([points, reflected(points)])  # 2×T×88×3
    # moves[t, a, b]: from choice a in frame t to choice b in frame t + 1; Viterbi over the two.
    moves = np.abs(both[:, None, :-1] - both[None, :, 1:]).mean((3, 4)).transpose(2, 0, 1)
    far = np.zeros((frames, 2))
    if near is not None:
        far = np.abs(both - near).mean((2, 3)).T / MOVES
    cost = far[0]
    back = np.zeros((frames, 2), np.int64)
    for t in range(1, frames):
        total = cost[:, None] + moves[t - 1]
        back[t] = total.argmin(0)
        cost = total.min(0) + far[t]
    choice = np.zeros(frames, np.int64)
    choice[-1] = int(cost.argmin())
    for t in range(frames - 1, 0, -1):
        choice[t - 1] = back[t, choice[t]]
    if near is None and choice.mean() > 0.5:
        choice = 1 - choice
    return np.where(choice[:, None, None] == 1, both[1], both[0]), choice.astype(bool)
