"""The detector on real frames: every backend finds the people that torch finds in float32."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.backends.spec import missing_packages
from meshgait_cli.people.detect import PersonDetector
from meshgait_cli.records import Detection
from meshgait_cli.video.decode import open_video

pytestmark = pytest.mark.slow
SURE = 0.4
SIZES = (640, 640, 1280)  # of the three pictures


def _iou(one: np.ndarray, two: np.ndarray) -> float:
    low, high = np.maximum(one[:2], two[:2]), np.minimum(one[2:], two[2:])
    shared = float(np.prod((high - low).clip(min=0)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, two)]
    return shared / (sum(areas) - shared)


def _agree(found: list[Detection], expected: list[Detection], least: float, moved: float) -> None:
    """Each that is sure has its counterpart; so near a threshold, the unsure may come and go."""
    for mine, its in ((found, expected), (expected, found)):
        for person in (each for each in mine if each.score > SURE):
            other = max(its, key=lambda each: _iou(person.box, each.box))
            assert _iou(person.box, other.box) > least
            assert abs(person.score - other.score) < 0.05
            sure = (person.keypoints[:, 2] > 0.6) & (other.keypoints[:, 2] > 0.6)
            height = person.box[3] - person.box[1]
            off = np.abs(person.keypoints[sure, :2] - other.keypoints[sure, :2]).max(initial=0)
            assert off < moved * height


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[np.ndarray]:
    """Of three videos with three shapes; the street has many small people."""
    found = []
    for name, number in (
        ("park.mp4", 100),
        ("intel_one-by-one-person-detection.mp4", 60),
        ("opencv_vtest.avi", 40),
    ):
        with open_video(shared / "videos" / name) as reader:
            found.append(next(frame.image for frame in reader if frame.index == number))
    return found


@pytest.fixture(scope="module")
def expected(pictures: list[np.ndarray]) -> list[list[Detection]]:
    detector = PersonDetector(device="cpu", backend="torch:f32")
    assert detector.computed == "torch:f32"
    return [detector.detect([picture], size)[0] for picture, size in zip(pictures, SIZES, strict=True)]


@pytest.mark.parametrize(
    ("backend", "iou", "moved"),
    [
        ("onnxruntime", 0.999, 0.002),
        ("openvino:f32", 0.999, 0.002),
        ("torch:bf16", 0.93, 0.05),
        ("openvino:bf16", 0.93, 0.05),
        ("auto", 0.93, 0.05),
    ],
)
def test_every_backend_sees_the_same_people(backend, iou, moved, pictures, expected):
    if backend != "auto" and missing_packages(backend.partition(":")[0]):
        pytest.skip(f"{backend} is not installed")
    detector = PersonDetector(device="cpu", backend=backend)
    assert detector.computed.startswith("" if backend == "auto" else backend)
    assert sum(person.score > SURE for people in expected for person in people) > 5
    for picture, size, its in zip(pictures, SIZES, expected, strict=True):  # each has its own letterbox
        _agree(detector.detect([picture], size)[0], its, iou, moved)


def test_a_batch_finds_what_single_pictures_find(pictures, expected):
    detector = PersonDetector(device="cpu", backend="auto")
    picture = pictures[-1]
    batch = detector.detect([picture, np.zeros_like(picture), picture], SIZES[-1])
    assert not batch[1]
    _agree(batch[0], expected[-1], 0.93, 0.05)
    _agree(batch[2], expected[-1], 0.93, 0.05)


def test_it_leaves_the_number_of_threads_alone():
    before = torch.get_num_threads()
    chosen = (os.cpu_count() or 1) + 1  # ultralytics takes fewer
    try:
        torch.set_num_threads(chosen)
        PersonDetector(device="cpu", backend="torch:f32").detect([np.zeros((64, 64, 3), np.uint8)], 64)
        assert torch.get_num_threads() == chosen
    finally:
        torch.set_num_threads(before)


def test_the_network_is_what_ultralytics_computes(pictures, expected):
    """Ours is cut out before the decoder; ultralytics' own chain is not."""
    detector = PersonDetector(device="cpu", backend="torch:f32")
    detector._predictor = None
    for picture, size, its in zip(pictures, SIZES, expected, strict=True):
        _agree(detector.detect([picture], size)[0], its, 0.9999, 1e-3)
