from __future__ import annotations

from typing import Any

import numpy as np

from meshgait_cli.people.zoom import ZoomingDetector
from meshgait_cli.records import Detection, Frame


class Recorder:
    """A detector that sees one person of a given height, and writes down at which sizes it looked."""

    def __init__(self, height: float | None) -> None:
        self.height, self.sizes = height, [0][:0]

    def detect(self, images: list[np.ndarray], size: int) -> list[list[Detection]]:
        self.sizes += [size] * len(images)
        person = [Detection(np.array([0, 0, 50, self.height], np.float32), 0.9)] if self.height else []
        return [person for _ in images]


def looked(height: float | None, fixed: int | None = None) -> list[int]:
    recorder: Any = Recorder(height)
    detector = ZoomingDetector(recorder, fixed)
    frames = [Frame(np.zeros((480, 640, 3), np.uint8), i, i / 10) for i in range(25)]
    found = [people for start in range(0, 25, 8) for people in detector.detect(frames[start : start + 8])]
    assert len(found) == 25
    return recorder.sizes


def test_large_people_are_looked_for_cheaply_and_checked_on_each_second() -> None:
    sizes = looked(300)
    assert [i for i, size in enumerate(sizes) if size == 1280] == [0, 10, 20]
    assert set(sizes) == {640, 1280}


def test_small_people_need_the_large_picture() -> None:
    assert set(looked(60)) == {1280}
    assert set(looked(110)) == {960, 1280}


def test_nobody_costs_little() -> None:
    assert looked(None).count(1280) == 3


def test_a_fixed_size_is_kept() -> None:
    assert set(looked(60, fixed=640)) == {640}
