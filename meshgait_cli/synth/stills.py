"""A picture of scenes: for each, a few frames with the walkers' true outlines drawn on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..atomic import aside
from ..video.decode import open_video
from .scenes import read_scene
from .staging import SceneSettings

__all__ = ["MOST", "scene_sheet"]

MOST = 12  # scenes in a picture
_FRAMES = 3  # of each
_HEIGHT = 240  # pixels of a frame
_COLOURS = ((255, 60, 60), (60, 200, 60), (70, 110, 255), (240, 200, 40), (220, 60, 220), (40, 210, 210))


def scene_sheet(folder: Path, settings: SceneSettings, target: Path) -> None:
    """Write the PNG `target`: a row for each of the first scenes of the set in `folder`."""
    rows = [_row(folder, scene) for scene in range(min(settings.scenes, MOST))]
    done = np.concatenate(rows)
    with aside(target) as temporary:
        cv2.imwrite(str(temporary), done[..., ::-1])


def _row(folder: Path, scene: int) -> NDArray[np.uint8]:
    truth = read_scene(folder, scene)
    wanted = np.linspace(0, len(truth.times) - 1, _FRAMES + 2).round().astype(int)[1:-1]
    pictures = {}
    with open_video(truth.video) as reader:
        for frame in reader:
            if frame.index in wanted:
                pictures[frame.index] = _outlined(frame.image, truth.visible[:, frame.index])
    return np.concatenate([pictures[int(index)] for index in wanted], axis=1)


def _outlined(image: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    scale = _HEIGHT / image.shape[0]
    size = (round(image.shape[1] * scale), _HEIGHT)
    small = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    for number, mask in enumerate(masks):
        outline = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        found, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, found, -1, _COLOURS[number % len(_COLOURS)], 1)
    return small
